#!/usr/bin/env bash
# A Slurm cluster on this machine, for the tests: cluster.sh up | crash NODE | revive NODE | restart | down
#
# Three nodes n1 to n3 are three slurmd on ports of the loopback interface, each with two pretend GPUs (links to /dev/null,
# which Slurm hands out as CUDA_VISIBLE_DEVICES 0 and 1). Needs root and Debian's munge, slurmctld, slurmd, slurm-client.
set -euo pipefail
NODES=3 GPUS=2 CPUS=4
RUN=/run/kdbench-slurm STATE=/var/lib/kdbench-slurm

configure() {
  mkdir -p "$RUN" "$STATE/controller" "$STATE/gpus" /etc/slurm
  for node in $(seq $NODES); do mkdir -p "$STATE/n$node"; done
  # A gres.conf line without File is ignored; the file must lead to a character device.
  for gpu in $(seq 0 $((GPUS - 1))); do ln -sfn /dev/null "$STATE/gpus/nvidia$gpu"; done
  cat >/etc/slurm/slurm.conf <<CONF
ClusterName=kdbench
SlurmctldHost=localhost
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=cred_expire=10
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile=$RUN/slurmctld.pid
SlurmdPidFile=$RUN/slurmd.%n.pid
StateSaveLocation=$STATE/controller
SlurmdSpoolDir=$STATE/%n
SlurmctldLogFile=$STATE/slurmctld.log
SlurmdLogFile=$STATE/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=1
SlurmdTimeout=10
KillWait=2
MinJobAge=3600
GresTypes=gpu
NodeName=n[1-$NODES] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[17001-$((17000 + NODES))] CPUs=$CPUS RealMemory=64000 Gres=gpu:$GPUS State=UNKNOWN
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  echo "NodeName=n[1-$NODES] Name=gpu File=$STATE/gpus/nvidia[0-$((GPUS - 1))]" >/etc/slurm/gres.conf
}

start_munge() {
  install -d -o munge -g munge -m 755 /run/munge
  munge -n >/dev/null 2>&1 || runuser -u munge -- /usr/sbin/munged
  for _ in $(seq 50); do munge -n >/dev/null 2>&1 && return; sleep 0.1; done
  echo "munged does not answer" && exit 1
}

await_nodes() {
  for _ in $(seq 150); do
    [ "$(sinfo -h -N -t idle,alloc,mix -o %N 2>/dev/null | sort -u | wc -l)" = $NODES ] && return
    sleep 0.2
  done
  echo "the cluster is not ready" && sinfo -N -o '%N %T %E' && tail -n 20 "$STATE"/*.log && exit 1
}

ended() { ! pgrep -x slurmctld && ! pgrep -x slurmd && ! pgrep -x munged; } >/dev/null

case $1 in
  up)
    configure && start_munge
    /usr/sbin/slurmctld
    for node in $(seq $NODES); do /usr/sbin/slurmd -N "n$node"; done
    await_nodes
    ;;
  crash) # the node's daemons and all it runs, as when its power fails
    jobs=$(squeue -h -w "$2" -o %A)
    kill -9 "$(cat "$RUN/slurmd.$2.pid")" || true
    # Before what they watch over: a step's daemon would still report that it failed.
    for job in $jobs; do pkill -9 -f "slurmstepd: \\[$job\." || true; done
    for pid in $(pgrep -f 'kdbench|snakemake' || true); do
      if grep -qz "^SLURMD_NODENAME=$2\$" "/proc/$pid/environ" 2>/dev/null; then kill -9 "$pid" || true; fi
    done
    ;;
  revive) /usr/sbin/slurmd -N "$2" ;;
  restart)
    kill "$(cat "$RUN/slurmctld.pid")"
    while pgrep -x slurmctld >/dev/null; do sleep 0.1; done
    sleep 3
    /usr/sbin/slurmctld
    ;;
  down)
    scancel -u root 2>/dev/null || true
    sleep 1
    pids=$(cat "$RUN"/*.pid /run/munge/munged.pid 2>/dev/null | xargs || true)
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    for _ in $(seq 100); do ended && break; sleep 0.1; done
    pkill -9 -x slurmctld || true
    pkill -9 -x slurmd || true
    rm -rf "$RUN" "$STATE"
    ;;
esac
