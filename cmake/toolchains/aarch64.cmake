# Compiles for 64-bit ARM on another machine: Debian's cross compiler, and libraries and headers from a sysroot that
# scripts/make-sysroot makes (CROSSMILL_SYSROOT). Programs that the build itself runs, as protoc, are this machine's; what it has
# just compiled and runs for a package is emulated.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

# CMake reads this file again for each of its trials, which know only what is passed on to them.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CROSSMILL_SYSROOT)
if(NOT EXISTS "${CROSSMILL_SYSROOT}/usr/lib/aarch64-linux-gnu")
  message(FATAL_ERROR "CROSSMILL_SYSROOT ('${CROSSMILL_SYSROOT}') is no sysroot for arm64: scripts/make-sysroot makes one")
endif()
set(CMAKE_SYSROOT ${CROSSMILL_SYSROOT})
set(CMAKE_FIND_ROOT_PATH ${CROSSMILL_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# pkg-config of this machine, with the files of the sysroot and none of its own.
set(ENV{PKG_CONFIG_LIBDIR} ${CROSSMILL_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CROSSMILL_SYSROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_PATH} "")
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CROSSMILL_SYSROOT})

find_program(CROSSMILL_EMULATOR qemu-aarch64-static)
if(CROSSMILL_EMULATOR)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${CROSSMILL_EMULATOR} -L ${CROSSMILL_SYSROOT})
endif()
