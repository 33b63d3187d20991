# What scripts need of Debian's archive: where this machine has it from, and the libraries that Crossmill is compiled with.
# Sourced; expects $suite where debian_sources is called.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # $library_packages is for those who source it, $suite is theirs

# Of the architecture that is compiled for: scripts/install-dependencies installs this machine's, scripts/make-sysroot unpacks
# another one's.
library_packages=(
  libprotobuf-dev libgrpc++-dev libabsl-dev
  libsqlite3-dev libcurl4-openssl-dev libssl-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libcli11-dev
  libarchive-dev libzstd-dev libdeflate-dev zlib1g-dev libseccomp-dev libboost1.81-dev libtomlplusplus-dev
  libre2-dev libcjose-dev libjansson-dev
)

# The codename of this machine's own Debian.
own_release() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

# One line "deb [options] URI SUITE COMPONENTS" per Debian archive that this machine itself uses, with the suites of the
# release $suite in the place of this machine's own.
debian_sources() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
    sort -u | awk -F'|' -v OFS='|' -v suite="$suite" -v own="$(own_release)" '
      own != "" && ($3 == own || index($3, own "-") == 1) { $3 = suite substr($3, length(own) + 1) }
      $1 == "Debian" && ($3 == suite || index($3, suite "-") == 1) {
        key = $2 " " $3
        if (!(key in parts)) order[++count] = key
        parts[key] = parts[key] " " $4
      }
      END {
        for (i = 1; i <= count; i++)
          print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " order[i] parts[order[i]]
      }'
}
