#include "coordinator/buildkit/session/client_session.h"

#include "absl/strings/ascii.h"
#include "common/base/status.h"

namespace crossmill::coordinator::buildkit {

bool ClientSession::Serves(std::string_view method) const {
  return introduction_.methods.contains(absl::AsciiStrToLower(Av(method)));
}

}  // namespace crossmill::coordinator::buildkit
