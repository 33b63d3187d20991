# shellcheck shell=bash
# Sourced by what makes root file systems of Debian.

# debian_sources SUITE: one line "deb [options] URI SUITE COMPONENTS" for each Debian archive that this machine itself uses.
debian_sources() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
    sort -u | awk -F'|' -v suite="$1" '
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
