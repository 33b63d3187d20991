#include "coordinator/rpc/notices/notices_service.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "common/words/platform.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator {
namespace {

constexpr int kMostNotices = 1000;
constexpr int kUsualChanges = 50;
constexpr int kUsualStates = 200;

// A name has no zero byte: everything before the first is the name.
std::string StateToken(const v1::NameState& state) {
  const std::string project = state.project().empty() ? std::string(core::kDefaultProject) : state.project();
  return absl::WebSafeBase64Escape(state.name() + '\0' + FormatPlatform(state.platform()) + '\0' + project);
}

absl::StatusOr<storage::StatePlace> ParseStateToken(const std::string& token) {
  std::string text;
  if (token.empty()) return storage::StatePlace();
  const bool read = absl::WebSafeBase64Unescape(token, &text);
  const size_t zero = text.find('\0');
  if (!read || zero == std::string::npos)
    return absl::InvalidArgumentError("page_token is not one that ListNameStates gave");
  const std::string rest = text.substr(zero + 1);
  const size_t second = std::min(rest.find('\0'), rest.size());
  return storage::StatePlace{text.substr(0, zero), rest.substr(0, second),
                             rest.substr(std::min(second + 1, rest.size()))};
}

}  // namespace

int PageSize(int asked, int usual) { return asked <= 0 ? usual : std::min(asked, kMostNotices); }

absl::StatusOr<int64_t> ParseNumberToken(const std::string& token) {
  int64_t number = 0;
  if (token.empty()) return number;
  const bool plain = token.find_first_not_of("0123456789") == std::string::npos;
  if (!plain || !absl::SimpleAtoi(token, &number) || number < 1)
    return absl::InvalidArgumentError("page_token is not one that was given");
  return number;
}

absl::Status NoticesService::Changes(const core::Scope& scope, const v1::ListStateChangesRequest& request,
                                     v1::ListStateChangesResponse* response) {
  ASSIGN_OR_RETURN(const int64_t before, ParseNumberToken(request.page_token()));
  const int size = PageSize(request.page_size(), kUsualChanges);
  ASSIGN_OR_RETURN(
      std::vector<v1::StateChange> changes,
      records_.Changes(request.name(), request.has_platform() ? FormatPlatform(request.platform()) : "",
                       before, size, scope));
  if (static_cast<int>(changes.size()) == size)
    response->set_next_page_token(std::to_string(changes.back().id()));
  for (v1::StateChange& change : changes) *response->add_changes() = std::move(change);
  ASSIGN_OR_RETURN(const storage::FarmIdentity farm, records_.Identity());
  response->set_farm_id(farm.id);
  response->set_farm_since(farm.since);
  return absl::OkStatus();
}

absl::Status NoticesService::States(const core::Scope& scope, const v1::ListNameStatesRequest& request,
                                    v1::ListNameStatesResponse* response) {
  ASSIGN_OR_RETURN(const auto after, ParseStateToken(request.page_token()));
  const int size = PageSize(request.page_size(), kUsualStates);
  ASSIGN_OR_RETURN(
      std::vector<v1::NameState> states,
      records_.States(request.name(), request.has_platform() ? FormatPlatform(request.platform()) : "", after,
                      size, scope));
  if (static_cast<int>(states.size()) == size) response->set_next_page_token(StateToken(states.back()));
  for (v1::NameState& state : states) *response->add_states() = std::move(state);
  return absl::OkStatus();
}

grpc::Status NoticesService::ListStateChanges(grpc::ServerContext* context,
                                              const v1::ListStateChangesRequest* request,
                                              v1::ListStateChangesResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  return rpc::ToGrpc(Changes(ScopeOf(*roles), *request, response));
}

grpc::Status NoticesService::ListNameStates(grpc::ServerContext* context,
                                            const v1::ListNameStatesRequest* request,
                                            v1::ListNameStatesResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  return rpc::ToGrpc(States(ScopeOf(*roles), *request, response));
}

}  // namespace crossmill::coordinator
