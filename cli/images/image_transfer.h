// Pulls and pushes through the coordinator, with the client's credentials and progress.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/session/session.h"
#include "cli/show/progress.h"

namespace crossmill::cli {

// The client's own credentials for the reference's registry, from its Docker configuration: none or one. What
// is wrong with the configuration becomes a note: public images need none.
std::vector<v1::RegistryCredentials> OwnCredentials(Session& session, const std::string& reference,
                                                    Progress& progress);

// Errors are the coordinator's, explained.
absl::StatusOr<v1::ImageView> PullImage(Session& session, const v1::PullImageRequest& request,
                                        Progress& progress);

struct PushedImage {
  // What the reference names now.
  std::string digest;
  // Manifests of the statements that went with it, "sha256:...".
  std::vector<std::string> attestations;
};

// An empty reference: the image's own name.
absl::StatusOr<PushedImage> PushImage(Session& session, const v1::PushImageRequest& request,
                                      Progress& progress);

}  // namespace crossmill::cli
