// Past builds tell this about a Dockerfile's steps: how often each ran, for how long, what it left. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crossmill::check {

// A step of a past build, as shown.
struct PastStep {
  int64_t build = 0;
  std::string stage;
  // "RUN pip install -r requirements.txt", whitespace as it may be.
  std::string text;
  // It ran in this build, and took so long; a cached step did not.
  bool executed = false;
  double seconds = 0;
  // Content of the layer, if known.
  int64_t bytes = 0;
  // 0: unknown.
  int64_t execution = 0;
};

struct PastPackage {
  std::string name;
  std::string stage;
  std::string step_text;
  // Compiled on the farm, or could not be installed.
  bool source = false;
  bool failed = false;
  double seconds = 0;
};

class History {
 public:
  struct Cost {
    int runs = 0;
    double seconds = 0;
    // The largest layer seen.
    int64_t bytes = 0;
  };

  void Add(PastStep step);
  void Add(PastPackage package);

  // Over all builds, each execution once. Texts are compared normalised.
  Cost Of(std::string_view stage, std::string_view text) const;
  const std::vector<PastPackage>& packages() const { return packages_; }
  // Builds that had this step.
  int Builds(std::string_view stage, std::string_view text) const;

  // `text` with runs of blanks as one, the instruction's name in capitals and its flags left out.
  static std::string Normalised(std::string_view text);

 private:
  std::vector<PastStep> steps_;
  std::set<int64_t> executions_;
  std::vector<PastPackage> packages_;
};

}  // namespace crossmill::check
