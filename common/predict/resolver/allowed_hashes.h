// The hashes that several requirements allow together, as pip joins them.
#pragma once

#include <algorithm>
#include <vector>

#include "common/python/file_hash.h"

namespace crossmill::predict {

class AllowedHashes {
 public:
  // Who names none allows all; otherwise what both name.
  void Restrict(const std::vector<python::FileHash>& hashes) {
    if (hashes.empty()) return;
    if (!given_) {
      given_ = true;
      hashes_ = hashes;
      return;
    }
    std::erase_if(hashes_, [&](const python::FileHash& hash) {
      return std::find(hashes.begin(), hashes.end(), hash) == hashes.end();
    });
  }

  bool given() const { return given_; }
  // For the choice of files: never empty if any were given.
  std::vector<python::FileHash> List() const {
    if (given_ && hashes_.empty()) return {{"none", ""}};
    return hashes_;
  }

 private:
  bool given_ = false;
  std::vector<python::FileHash> hashes_;
};

}  // namespace crossmill::predict
