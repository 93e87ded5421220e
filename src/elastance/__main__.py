"""Run the command as ``python -m elastance``."""

from elastance.cli.main import main

if __name__ == "__main__":
    main()
