#!/bin/sh
# The node: a mount namespace with its own /run, /var/lib and /var/log. containerd and kubelet use their default paths
# in it, nothing of the host's is touched, and every mount, also a dead sidecar's, is gone with its last process.
set -eu
folder=$1

mount --make-rshared /
mount --bind "$folder/lib" /var/lib
mount --bind "$folder/log" /var/log
mount -t tmpfs -o mode=755 tmpfs /run

# kubelet writes these kernel settings; it leaves them alone where they read as it wants them.
while read -r setting value; do
  file=/run/tunables/$(echo "$setting" | tr / .)
  mkdir -p /run/tunables
  echo "$value" > "$file"
  mount --bind "$file" "/proc/sys/$setting"
done <<EOF
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
EOF

touch /run/node-is-made
exec sleep infinity
