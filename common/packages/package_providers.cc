// Which packages of Debian and Alpine bring a header, a library or a tool: table look-ups for remedies.
#include <algorithm>
#include <cctype>

#include "common/base/status.h"
#include "common/packages/package_failures.h"

namespace crossmill::packages {
namespace {

struct Provider {
  std::string_view name;
  std::string_view apt;
  std::string_view apk;
};

// By the beginning of the header's name.
constexpr Provider kHeaders[] = {
    {"openssl/", "libssl-dev", "openssl-dev"},
    {"ffi.h", "libffi-dev", "libffi-dev"},
    {"lber.h", "libldap2-dev libsasl2-dev", "openldap-dev"},
    {"ldap.h", "libldap2-dev libsasl2-dev", "openldap-dev"},
    {"sasl", "libsasl2-dev", "cyrus-sasl-dev"},
    {"libpq-fe.h", "libpq-dev", "libpq-dev"},
    {"libxml/", "libxml2-dev libxslt1-dev", "libxml2-dev libxslt-dev"},
    {"libxslt/", "libxslt1-dev", "libxslt-dev"},
    {"zlib.h", "zlib1g-dev", "zlib-dev"},
    {"jpeglib.h", "libjpeg-dev", "libjpeg-turbo-dev"},
    {"mysql.h", "default-libmysqlclient-dev", "mariadb-dev"},
    {"mysql/", "default-libmysqlclient-dev", "mariadb-dev"},
    {"sqlite3.h", "libsqlite3-dev", "sqlite-dev"},
    {"sql.h", "unixodbc-dev", "unixodbc-dev"},
    {"sqlext.h", "unixodbc-dev", "unixodbc-dev"},
    {"yaml.h", "libyaml-dev", "yaml-dev"},
    {"sodium.h", "libsodium-dev", "libsodium-dev"},
    {"gmp.h", "libgmp-dev", "gmp-dev"},
    {"mpfr.h", "libmpfr-dev", "mpfr-dev"},
    {"mpc.h", "libmpc-dev", "mpc1-dev"},
    {"curl/", "libcurl4-openssl-dev", "curl-dev"},
    {"bzlib.h", "libbz2-dev", "bzip2-dev"},
    {"lzma.h", "liblzma-dev", "xz-dev"},
    {"krb5", "libkrb5-dev", "krb5-dev"},
    {"gssapi", "libkrb5-dev", "krb5-dev"},
    {"linux/", "linux-libc-dev", "linux-headers"},
    {"sys/capability.h", "libcap-dev", "libcap-dev"},
    {"graphviz/", "libgraphviz-dev", "graphviz-dev"},
    {"geos_c.h", "libgeos-dev", "geos-dev"},
    {"gdal", "libgdal-dev", "gdal-dev"},
    {"proj.h", "libproj-dev", "proj-dev"},
    {"hdf5.h", "libhdf5-dev", "hdf5-dev"},
    {"portaudio.h", "portaudio19-dev", "portaudio-dev"},
    {"alsa/", "libasound2-dev", "alsa-lib-dev"},
    {"sndfile.h", "libsndfile1-dev", "libsndfile-dev"},
    {"pcap", "libpcap-dev", "libpcap-dev"},
    {"magic.h", "libmagic-dev", "file-dev"},
    {"ncurses", "libncurses-dev", "ncurses-dev"},
    {"curses.h", "libncurses-dev", "ncurses-dev"},
    {"readline/", "libreadline-dev", "readline-dev"},
    {"systemd/", "libsystemd-dev", "elogind-dev"},
    {"dbus/", "libdbus-1-dev", "dbus-dev"},
    {"libusb", "libusb-1.0-0-dev", "libusb-dev"},
    {"bluetooth/", "libbluetooth-dev", "bluez-dev"},
    {"cups/", "libcups2-dev", "cups-dev"},
    {"snappy", "libsnappy-dev", "snappy-dev"},
    {"rocksdb/", "librocksdb-dev", "rocksdb-dev"},
    {"leveldb/", "libleveldb-dev", "leveldb-dev"},
    {"librdkafka/", "librdkafka-dev", "librdkafka-dev"},
    {"zmq.h", "libzmq3-dev", "zeromq-dev"},
    {"event.h", "libevent-dev", "libevent-dev"},
    {"cairo", "libcairo2-dev", "cairo-dev"},
    {"ft2build.h", "libfreetype-dev", "freetype-dev"},
    {"png.h", "libpng-dev", "libpng-dev"},
    {"tiff", "libtiff-dev", "tiff-dev"},
    {"X11/", "libx11-dev", "libx11-dev"},
    {"GL/", "libgl-dev", "mesa-dev"},
    {"SDL", "libsdl2-dev", "sdl2-dev"},
    {"libavformat/", "libavformat-dev libavdevice-dev", "ffmpeg-dev"},
    {"libavcodec/", "libavcodec-dev", "ffmpeg-dev"},
    {"boost/", "libboost-dev", "boost-dev"},
    {"Eigen/", "libeigen3-dev", "eigen-dev"},
    {"cblas.h", "libopenblas-dev", "openblas-dev"},
    {"fftw3.h", "libfftw3-dev", "fftw-dev"},
    {"gsl/", "libgsl-dev", "gsl-dev"},
    {"augeas.h", "libaugeas-dev", "augeas-dev"},
    {"libvirt/", "libvirt-dev", "libvirt-dev"},
    {"xmlsec/", "libxmlsec1-dev", "xmlsec-dev"},
    {"re2/", "libre2-dev", "re2-dev"},
    {"tcl.h", "tcl-dev", "tcl-dev"},
    {"pthread.h", "build-essential", "build-base"},
    // A C library's own header: no compiler package without it is complete.
    {"std", "build-essential", "build-base"},
    {"limits.h", "build-essential", "build-base"},
};

// By the name that linkers, pkg-config and messages use.
constexpr Provider kLibraries[] = {
    {"ssl", "libssl-dev", "openssl-dev"},
    {"openssl", "libssl-dev", "openssl-dev"},
    {"crypto", "libssl-dev", "openssl-dev"},
    {"libcrypto", "libssl-dev", "openssl-dev"},
    {"ffi", "libffi-dev", "libffi-dev"},
    {"libffi", "libffi-dev", "libffi-dev"},
    {"pq", "libpq-dev", "libpq-dev"},
    {"libpq", "libpq-dev", "libpq-dev"},
    {"xml2", "libxml2-dev", "libxml2-dev"},
    {"libxml2", "libxml2-dev libxslt1-dev", "libxml2-dev libxslt-dev"},
    {"libxml-2.0", "libxml2-dev", "libxml2-dev"},
    {"xslt", "libxslt1-dev", "libxslt-dev"},
    {"libxslt", "libxslt1-dev", "libxslt-dev"},
    {"xmlsec1", "libxmlsec1-dev", "xmlsec-dev"},
    {"z", "zlib1g-dev", "zlib-dev"},
    {"zlib", "zlib1g-dev", "zlib-dev"},
    {"ldap", "libldap2-dev", "openldap-dev"},
    {"lber", "libldap2-dev", "openldap-dev"},
    {"python", "python3-dev", "python3-dev"},
    {"jpeg", "libjpeg-dev", "libjpeg-turbo-dev"},
    {"libjpeg", "libjpeg-dev", "libjpeg-turbo-dev"},
    {"freetype", "libfreetype-dev", "freetype-dev"},
    {"freetype2", "libfreetype-dev", "freetype-dev"},
    {"tiff", "libtiff-dev", "tiff-dev"},
    {"webp", "libwebp-dev", "libwebp-dev"},
    {"lcms2", "liblcms2-dev", "lcms2-dev"},
    {"libcap", "libcap-dev", "libcap-dev"},
    {"curl", "libcurl4-openssl-dev", "curl-dev"},
    {"libcurl", "libcurl4-openssl-dev", "curl-dev"},
    {"mysqlclient", "default-libmysqlclient-dev", "mariadb-dev"},
    {"mariadb", "libmariadb-dev", "mariadb-connector-c-dev"},
    {"libmariadb", "libmariadb-dev", "mariadb-connector-c-dev"},
    {"cairo", "libcairo2-dev", "cairo-dev"},
    {"pangocairo", "libpango1.0-dev", "pango-dev"},
    {"girepository-2.0", "libgirepository-2.0-dev", "gobject-introspection-dev"},
    {"girepository-1.0", "libgirepository1.0-dev", "gobject-introspection-dev"},
    {"gobject-introspection-1.0", "libgirepository1.0-dev", "gobject-introspection-dev"},
    {"glib-2.0", "libglib2.0-dev", "glib-dev"},
    {"dbus-1", "libdbus-1-dev libglib2.0-dev", "dbus-dev glib-dev"},
    {"libsystemd", "libsystemd-dev", "elogind-dev"},
    {"systemd", "libsystemd-dev", "elogind-dev"},
    {"libvirt", "libvirt-dev", "libvirt-dev"},
    {"hdf5", "libhdf5-dev", "hdf5-dev"},
    {"netcdf", "libnetcdf-dev", "netcdf-dev"},
    {"gdal", "libgdal-dev", "gdal-dev"},
    {"geos", "libgeos-dev", "geos-dev"},
    {"proj", "libproj-dev", "proj-dev"},
    {"openblas", "libopenblas-dev", "openblas-dev"},
    {"blas", "libopenblas-dev", "openblas-dev"},
    {"lapack", "liblapack-dev", "lapack-dev"},
    {"libavformat", "libavformat-dev libavdevice-dev", "ffmpeg-dev"},
    {"libavcodec", "libavcodec-dev", "ffmpeg-dev"},
    {"libavdevice", "libavdevice-dev", "ffmpeg-dev"},
    {"sdl2", "libsdl2-dev", "sdl2-dev"},
    {"odbc", "unixodbc-dev", "unixodbc-dev"},
    {"sasl2", "libsasl2-dev", "cyrus-sasl-dev"},
    {"krb5", "libkrb5-dev", "krb5-dev"},
    {"gssapi_krb5", "libkrb5-dev", "krb5-dev"},
    {"sodium", "libsodium-dev", "libsodium-dev"},
    {"libsodium", "libsodium-dev", "libsodium-dev"},
    {"sqlite3", "libsqlite3-dev", "sqlite-dev"},
    {"bz2", "libbz2-dev", "bzip2-dev"},
    {"lzma", "liblzma-dev", "xz-dev"},
    {"graphviz", "libgraphviz-dev", "graphviz-dev"},
    {"libcgraph", "libgraphviz-dev", "graphviz-dev"},
    {"cgraph", "libgraphviz-dev", "graphviz-dev"},
    {"zmq", "libzmq3-dev", "zeromq-dev"},
    {"libzmq", "libzmq3-dev", "zeromq-dev"},
    {"udev", "libudev-dev", "eudev-dev"},
    {"libusb-1.0", "libusb-1.0-0-dev", "libusb-dev"},
    {"pcre2", "libpcre2-dev", "pcre2-dev"},
    {"magic", "libmagic-dev", "file-dev"},
};

constexpr Provider kTools[] = {
    {"pg_config", "libpq-dev", "libpq-dev"},
    {"mysql_config", "default-libmysqlclient-dev", "mariadb-dev"},
    {"mariadb_config", "libmariadb-dev", "mariadb-connector-c-dev"},
    {"curl-config", "libcurl4-openssl-dev", "curl-dev"},
    {"xml2-config", "libxml2-dev", "libxml2-dev"},
    {"xslt-config", "libxml2-dev libxslt1-dev", "libxml2-dev libxslt-dev"},
    {"krb5-config", "libkrb5-dev", "krb5-dev"},
    {"gdal-config", "libgdal-dev", "gdal-dev"},
    {"geos-config", "libgeos-dev", "geos-dev"},
    {"nc-config", "libnetcdf-dev", "netcdf-dev"},
    {"freetype-config", "libfreetype-dev", "freetype-dev"},
    {"sdl2-config", "libsdl2-dev", "sdl2-dev"},
    {"sdl-config", "libsdl1.2-dev", "sdl12-compat-dev"},
    {"pcre-config", "libpcre3-dev", "pcre-dev"},
    {"pcap-config", "libpcap-dev", "libpcap-dev"},
    {"net-snmp-config", "libsnmp-dev", "net-snmp-dev"},
    {"ta-lib-config", "", ""},
    {"llvm-config", "llvm-dev", "llvm-dev"},
    {"icu-config", "libicu-dev", "icu-dev"},
    {"pkg-config", "pkg-config", "pkgconf"},
    {"cmake", "cmake", "cmake"},
    {"ninja", "ninja-build", "ninja"},
    {"make", "make", "make"},
    {"swig", "swig", "swig"},
    {"gfortran", "gfortran", "gfortran"},
    {"git", "git", "git"},
    {"hg", "mercurial", "mercurial"},
    {"svn", "subversion", "subversion"},
    {"autoreconf", "autoconf automake libtool", "autoconf automake libtool"},
    {"autoconf", "autoconf", "autoconf"},
    {"libtool", "libtool", "libtool"},
    {"bison", "bison", "bison"},
    {"flex", "flex", "flex"},
    {"patch", "patch", "patch"},
    {"patchelf", "patchelf", "patchelf"},
    {"npm", "npm", "npm"},
    {"node", "nodejs", "nodejs"},
    {"go", "golang", "go"},
    {"java", "default-jdk-headless", "openjdk17-jdk"},
    {"protoc", "protobuf-compiler", "protoc"},
};

std::string Install(const Provider& provider) {
  if (provider.apt.empty()) return {};
  return fmt::format("apt-get install {} (apk add {})", provider.apt, provider.apk);
}

template <size_t N>
std::string Exactly(const Provider (&providers)[N], std::string_view name) {
  for (const Provider& provider : providers) {
    if (name == provider.name) return Install(provider);
  }
  return {};
}

bool IsWordPart(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
}

}  // namespace

std::string ProviderOfHeader(std::string_view header) {
  for (const Provider& provider : kHeaders) {
    if (header.starts_with(provider.name)) return Install(provider);
  }
  return {};
}

std::string ProviderOfLibrary(std::string_view library) { return Exactly(kLibraries, library); }

std::string ProviderOfTool(std::string_view tool) { return Exactly(kTools, tool); }

std::string ProviderNamedIn(std::string_view text) {
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && IsWordPart(text[i])) {
      word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(text[i]))));
      continue;
    }
    while (word.ends_with('.')) word.pop_back();
    // Tools and libraries with names like words of a sentence ("make", "z", "python") are not meant.
    if (word.size() > 2 && word != "python") {
      std::string found = word.find("config") != word.npos ? ProviderOfTool(word) : ProviderOfLibrary(word);
      if (found.empty() && word.ends_with(".h")) found = ProviderOfHeader(word);
      if (!found.empty()) return found;
    }
    word.clear();
  }
  return {};
}

}  // namespace crossmill::packages
