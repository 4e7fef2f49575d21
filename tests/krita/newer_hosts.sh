#!/bin/sh
# The scenarios in newer Kritas: Debian trixie (5.2), forky (5.3) and sid with experimental (6.0, Qt 6).
#
#   sudo tests/krita/newer_hosts.sh FOLDER [--hosts trixie,forky,sid] [--scenarios painting,methods] [--python PYTHON]
#
# FOLDER        gets a whole small system for each host (about 1.7 GB each, made once), and in out-HOST/SCENARIO the
#               screenshots and what was written down
# --hosts       all three unless given
# --scenarios   files of tests/krita/scenarios; those that need no more than a backend unless given
# --python      a Python with the backend installed; the one on the PATH unless given
#
# MIRROR in the environment names the Debian mirror that systems are made from; needed the first time only.
# Needs root, Xvfb and unshare; debootstrap for making a system. Its mounts are seen by nobody else and end with it,
# however that happens.
set -eu
all="trixie forky sid"
scenarios="painting corners real_edits methods choices status documents maps bands placing map_preview map_sources strip
    docker"
python=python3 hosts=$all folder=""
here=$(cd "$(dirname "$0")" && pwd)

die() {
    echo "$*" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
        --hosts | --scenarios | --python)
            [ $# -gt 1 ] || die "$1 needs a value."
            case $1 in
                --hosts) hosts=$(echo "$2" | tr , ' ') ;;
                --scenarios) scenarios=$(echo "$2" | tr , ' ') ;;
                --python) python=$2 ;;
            esac
            shift 2
            ;;
        -*) die "There is no option $1; the first lines of $0 say which there are." ;;
        *)
            [ -z "$folder" ] || die "One folder is enough: $folder or $1?"
            folder=$1
            shift
            ;;
    esac
done
[ -n "$folder" ] || die "Name the folder for the systems; the first lines of $0 say how."
for host in $hosts; do
    case " $all " in *" $host "*) ;; *) die "There is no host $host; there are: $all." ;; esac
done
for name in $scenarios; do
    [ -e "$here/scenarios/$name.py" ] || die "There is no scenario $name in $here/scenarios."
done
[ "$(id -u)" = 0 ] || die "This needs root: it starts Krita inside other systems."
for program in unshare Xvfb; do
    command -v "$program" > /dev/null || die "$program is not installed (Debian: apt install util-linux xvfb)."
done

if [ "${SFUMATO_OWN_MOUNTS:-}" != yes ]; then
    # The rest runs where mounts are its own.
    # shellcheck disable=SC2086 # words, none of which has a space in it but perhaps the paths
    set -- "$folder" --hosts "$(echo $hosts | tr ' ' ,)" --scenarios "$(echo $scenarios | tr ' ' ,)" --python "$python"
    exec env SFUMATO_OWN_MOUNTS=yes unshare --mount --propagation private sh "$0" "$@"
fi

mkdir -p "$folder"
folder=$(realpath "$folder")

enter() { # the folder of a system
    mkdir -p "$1/proc" "$1/dev"
    mount --bind /proc "$1/proc"
    mount --bind /dev "$1/dev"
}

packages() { # host
    case $1 in
        sid) echo "-t experimental krita python3-pyqt6 qt6-svg-plugins fonts-dejavu-core" ;;
        *) echo "krita python3-pyqt5 fonts-dejavu-core" ;;
    esac
}

make() { # host: its system, and /proc and /dev in it
    root=$folder/$1
    if [ -e "$root/usr/bin/krita" ]; then
        enter "$root"
        return
    fi
    command -v debootstrap > /dev/null || die "debootstrap is not installed (Debian: apt install debootstrap)."
    mirror=${MIRROR:?name a Debian mirror, such as MIRROR=http://.../debian}
    echo "$1: making its system in $root; that takes a few minutes"
    debootstrap --variant=minbase "$1" "$root" "$mirror" /usr/share/debootstrap/scripts/sid
    echo "deb $mirror $1 main" > "$root/etc/apt/sources.list"
    [ "$1" != sid ] || echo "deb $mirror experimental main" >> "$root/etc/apt/sources.list"
    enter "$root"
    # A mirror that is a snapshot has an old date, which is no reason to refuse it here.
    apt="apt-get -q -y -o Acquire::Check-Valid-Until=false"
    chroot "$root" env DEBIAN_FRONTEND=noninteractive \
        sh -c "$apt update && $apt install --no-install-recommends $(packages "$1")"
}

run() { # host, scenario; writes down how it went
    root=$folder/$1 home=$folder/home-$1 out=$folder/out-$1/$2 scripted="" how=passed
    mkdir -p "$out"
    # Its first words say which backend it wants.
    ! head -n 4 "$here/scenarios/$2.py" | tr '\n' ' ' | grep -q "backend is scripted" || scripted=--scripted
    # shellcheck disable=SC2086 # an option or none
    "$python" "$here/by_hand.py" "$2" --root "$root" --home "$home" --out "$out" $scripted > "$out/said.txt" 2>&1 ||
        how=FAILED
    echo "$1 $2 $how" >> "$results"
    echo "$1: $2 $how"
    [ $how = passed ] || sed -n '/^FAILED/,$p' "$out/said.txt"
}

results=$(mktemp)
trap 'rm -f "$results"' EXIT
for host in $hosts; do
    make "$host" || die "$host: the system could not be made."
    home=$folder/home-$host
    mkdir -p "$home" "$folder/$host$home"
    mount --bind "$home" "$folder/$host$home"
    echo "$host: $(chroot "$folder/$host" dpkg-query -W -f 'krita ${Version}' krita)"
    for name in $scenarios; do run "$host" "$name"; done
done

printf '\n%-14s' ""
for host in $hosts; do printf '%-10s' "$host"; done
for name in $scenarios; do
    printf '\n%-14s' "$name"
    for host in $hosts; do printf '%-10s' "$(sed -n "s/^$host $name //p" "$results")"; done
done
printf '\n\nScreenshots and what was said: %s/out-HOST/SCENARIO\n' "$folder"
! grep -q FAILED "$results"
