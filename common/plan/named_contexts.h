// --build-context: names that FROM, COPY --from and RUN --mount from= look up before stages and images.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// Names are compared as Docker's builder does: docker.io/library/alpine:latest and alpine are one. `scratch`
// and `context` cannot be replaced. Points into the recipe, which must outlive it. Immutable, thread safe.
class NamedContexts {
 public:
  // INVALID_ARGUMENT (without place) for a name or platform that is none, or a name given twice.
  static absl::StatusOr<NamedContexts> Read(const v1::Recipe& recipe);

  // NAME::PLATFORM comes before NAME; null: no context of that name.
  const v1::NamedContext* Find(std::string_view name, const v1::Platform& platform) const;
  // Each name once, without platforms.
  std::vector<std::string> Names() const;
  // One for each context that nothing can reach.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  // By name and platform ("": any).
  std::map<std::pair<std::string, std::string>, const v1::NamedContext*> contexts_;
  std::vector<std::string> warnings_;
};

// "python:3.11" for docker.io/library/python:3.11, "alpine" for alpine:latest; anything else as it is.
std::string FamiliarReference(std::string_view reference);

}  // namespace crossmill::plan
