"""The steps, in order of their revision; one is never changed once it has been released, only followed."""
