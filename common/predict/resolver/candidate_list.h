// The candidates for one identifier, the best first, made one by one as they are looked at: each costs a look
// at its metadata. As pip's FoundCandidates.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/resolver/allowed_hashes.h"
#include "common/predict/resolver/resolver_items.h"

namespace crossmill::predict {

// Makes candidates of files; each file is one candidate, however often it is asked for.
class CandidateMaker {
 public:
  struct Made {
    // Null: the file is not what its name says, the next one of this version counts.
    const Candidate* candidate = nullptr;
    // Its metadata cannot be read: the version is left out.
    bool invalid = false;
  };

  virtual ~CandidateMaker() = default;
  virtual absl::StatusOr<Made> MakeCandidate(const python::ProjectFiles& page, const python::UsableFile& file,
                                             const Need& template_need, const AllowedHashes& hashes) = 0;
  virtual const Candidate* WithExtras(const Candidate* base, const std::vector<std::string>& extras,
                                      const Need& template_need) = 0;
};

class CandidateList {
 public:
  // The files of `page` in their order; `present`, if it is not null, before all, or before the first that is
  // not newer.
  struct Found {
    const python::ProjectFiles* page = nullptr;
    std::vector<python::UsableFile> files;
    const Need* template_need = nullptr;
    std::vector<std::string> extras;
    AllowedHashes hashes;
    const Candidate* present = nullptr;
    bool prefers_present = false;
    std::set<const Candidate*> without;
  };

  // These and no others.
  explicit CandidateList(std::vector<const Candidate*> candidates)
      : maker_(nullptr), made_(std::move(candidates)), ended_(true) {}
  CandidateList(CandidateMaker& maker, Found found) : maker_(&maker), found_(std::move(found)) {}

  // Null after the last.
  absl::StatusOr<const Candidate*> At(size_t index);
  absl::StatusOr<bool> Empty();

 private:
  absl::Status MakeNext();
  void Take(const Candidate* candidate);

  CandidateMaker* maker_;
  Found found_;
  std::vector<const Candidate*> made_;
  std::set<python::Version> versions_;
  size_t next_ = 0;
  bool present_taken_ = false;
  bool ended_ = false;
};

}  // namespace crossmill::predict
