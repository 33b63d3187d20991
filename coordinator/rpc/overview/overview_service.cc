#include "coordinator/rpc/overview/overview_service.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "coordinator/overview/trend_spans.h"
#include "coordinator/rpc/overview/named_zone.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator {
namespace {

constexpr int kUsualRows = 100;
constexpr int kMostWallRows = 200;
constexpr int kUsualDays = 28;
// So that an answer stays one of some hundred kilobytes.
constexpr int kMostDays = 200;
constexpr int kMostDaysOfWeeks = 800;

std::string TokenOf(const storage::WallPlace& place) {
  return fmt::format("{}:{}:{}", place.calm, place.unchanged, place.recipe);
}

absl::StatusOr<std::optional<storage::WallPlace>> ParseWallToken(std::string_view token) {
  if (token.empty()) return std::nullopt;
  storage::WallPlace place;
  const char* const end = token.data() + token.size();
  const auto calm = std::from_chars(token.data(), end, place.calm);
  const auto unchanged = calm.ptr == end || *calm.ptr != ':'
                             ? std::from_chars_result{end, std::errc::invalid_argument}
                             : std::from_chars(calm.ptr + 1, end, place.unchanged);
  if (calm.ec != std::errc() || unchanged.ec != std::errc() || unchanged.ptr == end || *unchanged.ptr != ':')
    return absl::InvalidArgumentError("page_token is not one that ListWall gave");
  place.recipe = std::string(unchanged.ptr + 1, end);
  return place;
}

}  // namespace

absl::Status OverviewService::FillWall(const core::Scope& scope, const v1::ListWallRequest& request,
                                       v1::ListWallResponse* response) {
  if (request.page_size() < 0) return absl::InvalidArgumentError("page_size is negative");
  const int size = request.page_size() == 0 ? kUsualRows : std::min(request.page_size(), kMostWallRows);
  ASSIGN_OR_RETURN(const auto behind, ParseWallToken(request.page_token()));
  // One more says whether there is another page.
  ASSIGN_OR_RETURN(std::vector<v1::WallRow> rows, records_.Wall(scope, behind, size + 1));
  for (v1::WallRow& row : rows) {
    if (response->rows_size() == size) {
      response->set_next_page_token(TokenOf(storage::OverviewRecords::PlaceOf(response->rows(size - 1))));
      return absl::OkStatus();
    }
    *response->add_rows() = std::move(row);
  }
  return absl::OkStatus();
}

absl::Status OverviewService::FillTrends(const v1::GetTrendsRequest& request,
                                         v1::GetTrendsResponse* response) {
  const int most = request.weekly() ? kMostDaysOfWeeks : kMostDays;
  if (request.days() < 0 || request.days() > most)
    return absl::InvalidArgumentError(fmt::format("days: {} is not from 1 to {}", request.days(), most));
  ASSIGN_OR_RETURN(const absl::TimeZone zone, NamedZone(request.zone()));
  std::vector<v1::TrendSpan> spans = overview::MakeSpans(
      clock_.Now(), zone, request.days() == 0 ? kUsualDays : request.days(), request.weekly());
  RETURN_IF_ERROR(records_.AddHours(&spans));
  overview::FinishSpans(&spans);
  for (v1::TrendSpan& span : spans) *response->add_spans() = std::move(span);
  return absl::OkStatus();
}

grpc::Status OverviewService::ListWall(grpc::ServerContext* context, const v1::ListWallRequest* request,
                                       v1::ListWallResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  return rpc::ToGrpc(FillWall(ScopeOf(*roles), *request, response));
}

grpc::Status OverviewService::GetTrends(grpc::ServerContext* context, const v1::GetTrendsRequest* request,
                                        v1::GetTrendsResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_READ);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(FillTrends(*request, response));
}

grpc::ServerWriteReactor<v1::FarmNews>* OverviewService::WatchFarm(grpc::CallbackServerContext* context,
                                                                   const v1::WatchFarmRequest* request) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return watchers_.Follow(roles.status(), request->after());
  return watchers_.Follow(ScopeOf(*roles), request->after());
}

}  // namespace crossmill::coordinator
