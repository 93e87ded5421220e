"""Small files in the formats of the public job logs."""

PHILLY = """timestamp,duration,num_gpus,gpu_time,cluster
2017-10-09 07:01:55,1800.0,1,1800.0,11cb48
2017-10-09 06:13:03,7200.0,2,14400.0,6214e9
2017-10-10 06:13:03,90000.0,8,720000.0,6c71a0
2017-10-10 07:13:03,0.0,4,0.0,6214e9
2017-10-11 07:13:03,50.0,0,0.0,6214e9
2017-10-12 06:13:03,36000.0,4,144000.0,6214e9

"""
"""Six jobs, one of no run time and one without a GPU; a blank line ends it, as in the published file."""

HELIOS = """job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue
7,u1,vc1,8,48,1,COMPLETED,2020-04-01 00:04:18,2020-04-01 00:04:19,2020-04-01 01:04:19,3600,1
8,u2,vc1,0,4,1,COMPLETED,2020-04-01 00:05:18,2020-04-01 00:05:19,2020-04-01 00:05:29,10,1
"""

TIRESIAS = """job_id,num_gpu,submit_time,iterations,model_name,duration,interval
0,1,0,606,vgg19,164,30
1,8,30,133,resnet152,147,23
2,2,53,157,googlenet,127,26
""".replace("\n", "\r\n")

OPENB = """name,cpu_milli,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time
pod-0,12000,1,1000,,LS,Running,0,4000,100
pod-1,6000,1,460,,BE,Running,500,900,500
pod-2,6000,0,0,,BE,Running,500,900,500
pod-3,6000,2,1000,,BE,Pending,600,900,
pod-4,6000,8,1000,V100M16|T4,BE,Succeeded,700,90700,700
pod-5,6000,8,1000,G2,BE,Failed,800,700,800
"""

SIA = """name,time,application,num_replicas,batch_size
cifar10-0,107,cifar10,6,2048
bert-1,110,bert,16,384
imagenet-2,135,imagenet,10,3200
"""

GAVEL = "".join(
    "\t".join((job, "python3 main.py", "there", "--steps", "1", steps, gpus, "1", "-1.000000", at)) + "\n"
    for job, steps, gpus, at in (
        ("ResNet-18 (batch size 64)", "1000", "2", "0"),
        ("LM (batch size 5)", "30000", "1", "40"),
        ("CycleGAN", "700", "1", "70"),
        ("LM (batch size 5)", "0", "1", "80"),
    )
)

THROUGHPUTS = """job_type,gpus,gpu_type,steps_per_s
ResNet-18 (batch size 64),1,k80,4.0
ResNet-18 (batch size 64),1,v100,10.0
ResNet-18 (batch size 64),2,v100,16.0
ResNet-18 (batch size 64),2,v100_unconsolidated,9.0
LM (batch size 5),1,k80,25.0
LM (batch size 5),1,v100,50.0
LM (batch size 5),4,v100,0.0
CycleGAN,1,v100,0.5
"""

LOGS = {
    "philly": PHILLY,
    "helios": HELIOS,
    "tiresias": TIRESIAS,
    "openb": OPENB,
    "sia": SIA,
    "gavel": GAVEL,
}
"""By the name under which each is imported."""
