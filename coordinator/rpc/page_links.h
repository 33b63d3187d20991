// Links that open the page in a browser.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crossmill/v1/access.pb.h"

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
  // Whoever opens it acts as a client with that role. UNAVAILABLE: the coordinator serves no page.
  virtual absl::StatusOr<PageLink> MakeLink(v1::Access role, absl::Time now) = 0;
};

}  // namespace crossmill::coordinator
