#!/usr/bin/env bash
# Builds the C libraries of renkei and installs them: header, shared and static library, pkg-config and CMake files.
# For Linux, with cargo, a C compiler and binutils. cargo-c does the same elsewhere: cargo cinstall --release
set -euo pipefail

usage() {
    cat <<'HELP'
usage: include/install.sh [options]

  --prefix DIR      where to install (default: /usr/local)
  --destdir DIR     put everything under DIR, for packages
  --profile NAME    the Cargo profile to build with (default: release)
  --target-dir DIR  where Cargo builds (default: Cargo's own)
  --features LIST   more Cargo features
HELP
}

root=$(cd "$(dirname "$0")/.." && pwd)
prefix=/usr/local destdir= profile=release target= features=capi
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) prefix=$2 ;;
        --destdir) destdir=$2 ;;
        --profile) profile=$2 ;;
        --target-dir) target=$2 ;;
        --features) features=capi,$2 ;;
        --help | -h) usage && exit ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift 2
done

cd "$root"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
# Until 1.0 every minor version may break the ABI, and the SONAME says so.
soname=librenkei.so.${version%.*}
[ "${version%%.*}" = 0 ] || soname=librenkei.so.${version%%.*}

messages=$(mktemp)
work=$(mktemp -d)
trap 'rm -rf "$messages" "$work"' EXIT
# With one library beside the other, Cargo leaves out optimizations across crates; a profile that wants none is built at once.
kinds="cdylib staticlib"
[ "$profile" != capi-test ] || kinds=cdylib,staticlib
for kind in $kinds; do
    cargo rustc --locked --lib --features "$features" --profile "$profile" ${target:+--target-dir "$target"} \
        --crate-type "$kind" -- -C "link-arg=-Wl,-soname,$soname" --print native-static-libs 2> >(tee -a "$messages" >&2)
done
natives=$(sed -n 's/^note: native-static-libs: //p' "$messages" | tail -1)
natives=${natives:--lgcc_s -lutil -lrt -lpthread -lm -ldl -lc}
built=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
built=${target:-$built}/$([ "$profile" = dev ] && echo debug || echo "$profile")

# One object, in which everything but our own functions is local: a program that links its own SQLite keeps its own.
ld -r --whole-archive "$built/librenkei.a" -o "$work/renkei.o"
objcopy --wildcard --keep-global-symbol='renkei_*' --remove-section=.llvmbc --remove-section=.llvmcmd \
    --strip-debug "$work/renkei.o"
ar rcs "$work/librenkei.a" "$work/renkei.o"

install -d "$destdir$prefix/include" "$destdir$prefix/lib/pkgconfig" "$destdir$prefix/lib/cmake/renkei"
install -m 644 include/renkei.h include/renkei.hpp "$destdir$prefix/include"
install -m 644 "$work/librenkei.a" "$destdir$prefix/lib"
install -m 755 "$built/librenkei.so" "$destdir$prefix/lib/librenkei.so.$version"
strip --strip-debug "$destdir$prefix/lib/librenkei.so.$version"
ln -sf "librenkei.so.$version" "$destdir$prefix/lib/$soname"
ln -sf "$soname" "$destdir$prefix/lib/librenkei.so"

cat > "$destdir$prefix/lib/pkgconfig/renkei.pc" <<PC
prefix=$prefix
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: renkei
Description: User-defined record databases in one SQLite file
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -lrenkei
Libs.private: $natives
PC

cat > "$destdir$prefix/lib/cmake/renkei/renkei-config.cmake" <<'CMAKE'
# find_package(renkei) gives renkei::renkei, the shared library, and renkei::static.
get_filename_component(_renkei_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET renkei::renkei)
    add_library(renkei::renkei SHARED IMPORTED)
    set_target_properties(renkei::renkei PROPERTIES
        IMPORTED_LOCATION "${_renkei_prefix}/lib/librenkei.so"
        INTERFACE_INCLUDE_DIRECTORIES "${_renkei_prefix}/include")
    add_library(renkei::static STATIC IMPORTED)
    set_target_properties(renkei::static PROPERTIES
        IMPORTED_LOCATION "${_renkei_prefix}/lib/librenkei.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_renkei_prefix}/include"
        INTERFACE_LINK_LIBRARIES "@NATIVES@")
endif()
CMAKE
sed -i "s/@NATIVES@/$(echo $natives | tr ' ' ';')/" "$destdir$prefix/lib/cmake/renkei/renkei-config.cmake"

cat > "$destdir$prefix/lib/cmake/renkei/renkei-config-version.cmake" <<CMAKE
set(PACKAGE_VERSION "$version")
if(PACKAGE_FIND_VERSION_MAJOR STREQUAL "${version%%.*}" AND NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
    if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
        set(PACKAGE_VERSION_EXACT TRUE)
    endif()
endif()
CMAKE
echo "installed renkei $version in $destdir$prefix; static programs link: $natives"
