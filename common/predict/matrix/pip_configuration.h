// pip's configuration files in an image, as the variables that say the same: so that pip's commands are read
// with them.
#pragma once

#include <string>
#include <vector>

#include "common/predict/image/root_files.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::predict {

struct PipConfiguration {
  // "PIP_INDEX_URL=https://...", to stand before the step's own environment, which wins. Of sections [global]
  // and [install].
  std::vector<std::string> variables;
  // The files that were read, those that win last.
  std::vector<std::string> files;
  // What could not be read, and why; sentences.
  std::vector<std::string> notes;
};

// Files for all users, for the step's user (by HOME; root's without one), of the usual prefixes and of
// VIRTUAL_ENV, and what PIP_CONFIG_FILE names.
PipConfiguration ReadPipConfiguration(const v1::Run& run, RootFiles& image);

}  // namespace crossmill::predict
