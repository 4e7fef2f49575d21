#!/bin/sh
# The main scenarios in newer Kritas: Debian forky (5.3, Qt 5) and sid with experimental (6.0, Qt 6).
#
#   sudo MIRROR=http://... tests/krita/newer_hosts.sh FOLDER [PYTHON]
#
# MIRROR   a Debian mirror; needed the first time only
# FOLDER   gets a whole small system for each host (about 1.7 GB each, made once) and what the scenarios wrote down
# PYTHON   a Python with the backend installed; the one on the PATH unless given
#
# Needs root, debootstrap and Xvfb. Everything it mounts it unmounts.
set -eu
folder=$(realpath "$1")
python=${2:-python3}
here=$(cd "$(dirname "$0")" && pwd)
mirror=${MIRROR:-}
# A mirror that is a snapshot has an old date, which is no reason to refuse it here.
apt="apt-get -q -y -o Acquire::Check-Valid-Until=false"
roots=""

leave() {
    for root in $roots; do
        for mount in proc dev; do umount "$root/$mount" 2>/dev/null || true; done
    done
}
trap leave EXIT INT TERM

enter() { # root
    roots="$roots $1"
    mkdir -p "$1/proc" "$1/dev"
    mount --bind /proc "$1/proc"
    mount --bind /dev "$1/dev"
}

make() { # name, suite, extra sources, packages ...
    root=$folder/$1 suite=$2 more=$3
    shift 3
    if [ ! -e "$root/usr/bin/krita" ]; then
        : "${MIRROR:?name a Debian mirror, for example MIRROR=http://.../debian}"
        debootstrap --variant=minbase "$suite" "$root" "$mirror" /usr/share/debootstrap/scripts/sid
        printf 'deb %s %s main\n%s\n' "$mirror" "$suite" "$more" > "$root/etc/apt/sources.list"
        enter "$root"
        chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -c "$apt update && $apt install --no-install-recommends $*"
    else
        enter "$root"
    fi
}

scenario() { # name
    root=$folder/$1
    home=$folder/home-$1
    mkdir -p "$home" "$root$home"
    mount --bind "$home" "$root$home"
    status=0
    for name in painting corners real_edits "methods --scripted"; do
        # shellcheck disable=SC2086 # a scenario and its options
        "$python" "$here/by_hand.py" $name --root "$root" --home "$home" --out "$folder/out-$1/${name%% *}" || status=$?
    done
    umount "$root$home"
    echo "$1: $([ $status = 0 ] && echo passed || echo FAILED); screenshots in $folder/out-$1"
    return $status
}

mkdir -p "$folder"
make forky forky "" krita python3-pyqt5 fonts-dejavu-core
make sid sid "deb $mirror experimental main" -t experimental krita python3-pyqt6 qt6-svg-plugins fonts-dejavu-core
failed=0
scenario forky || failed=1
scenario sid || failed=1
exit $failed
