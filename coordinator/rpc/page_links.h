// Links that open the page in a browser.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill::coordinator {

struct PageLink {
  // With a secret in it, which is good once.
  std::string url;
  absl::Time expires_at;
};

// Thread safe.
class PageLinks {
 public:
  virtual ~PageLinks() = default;
  // Whoever opens it acts as a client of the farm. UNAVAILABLE: the coordinator serves no page.
  virtual absl::StatusOr<PageLink> MakeLink(absl::Time now) = 0;
};

}  // namespace crossmill::coordinator
