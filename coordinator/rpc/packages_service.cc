#include "coordinator/rpc/packages_service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/python/package_name.h"
#include "common/python/requirement.h"
#include "common/python/version.h"
#include "common/rpc/status_proto.h"
#include "common/words/platform.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator {
namespace {

constexpr int kDefaultRows = 50;
constexpr int kMostRows = 10'000;

template <typename Request>
absl::StatusOr<storage::PackageFilter> FilterOf(const core::Scope& scope, const Request& request) {
  if (request.limit() < 0) return absl::InvalidArgumentError("limit is negative");
  if (request.since() < 0) return absl::InvalidArgumentError("since is negative");
  storage::PackageFilter filter{.scope = scope};
  if (request.has_platform()) filter.platform = FormatPlatform(request.platform());
  filter.since = request.since();
  filter.limit = request.limit() == 0 ? kDefaultRows : std::min(request.limit(), kMostRows);
  return filter;
}

// Of a version as it was recorded, which need not be one of PEP 440.
bool Matches(const python::SpecifierSet& specifier, std::string_view text) {
  if (specifier.empty()) return true;
  const auto version = python::Version::Parse(text);
  if (version.ok()) return specifier.Contains(*version);
  return std::all_of(specifier.clauses().begin(), specifier.clauses().end(),
                     [&](const python::Specifier& clause) { return clause.ContainsText(text); });
}

absl::StatusOr<python::Requirement> ParseUse(const std::string& text) {
  auto requirement = python::Requirement::Parse(text);
  if (!requirement.ok()) return Annotate(requirement.status(), fmt::format("'{}'", text));
  if (!requirement->url.empty() || requirement->marker || !requirement->extras.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}': expected a name, or a name and versions: numpy, numpy==1.26.4, numpy<2", text));
  }
  return requirement;
}

}  // namespace

grpc::Status PackagesService::ListHistory(grpc::ServerContext* context,
                                          const v1::PackageHistoryRequest* request,
                                          v1::PackageHistoryResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const auto filter = FilterOf(ScopeOf(*roles), *request);
  if (!filter.ok()) return rpc::ToGrpc(filter.status());
  if (!python::IsName(request->name())) {
    return rpc::ToGrpc(
        absl::InvalidArgumentError(fmt::format("'{}' is not the name of a package", request->name())));
  }
  auto answer = queries_.History(python::NormaliseName(request->name()), *filter);
  if (!answer.ok()) return rpc::ToGrpc(answer.status());
  *response = *std::move(answer);
  return grpc::Status::OK;
}

grpc::Status PackagesService::ListCompiled(grpc::ServerContext* context,
                                           const v1::CompiledPackagesRequest* request,
                                           v1::CompiledPackagesResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const auto filter = FilterOf(ScopeOf(*roles), *request);
  if (!filter.ok()) return rpc::ToGrpc(filter.status());
  if (!v1::CompiledPackagesRequest::Order_IsValid(request->order())) {
    return rpc::ToGrpc(absl::InvalidArgumentError("order is none that this coordinator knows"));
  }
  auto answer = queries_.Compiled(request->order(), *filter);
  if (!answer.ok()) return rpc::ToGrpc(answer.status());
  *response = *std::move(answer);
  return grpc::Status::OK;
}

grpc::Status PackagesService::ListUses(grpc::ServerContext* context, const v1::PackageUsesRequest* request,
                                       v1::PackageUsesResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const auto filter = FilterOf(ScopeOf(*roles), *request);
  if (!filter.ok()) return rpc::ToGrpc(filter.status());
  const auto wanted = ParseUse(request->requirement());
  if (!wanted.ok()) return rpc::ToGrpc(wanted.status());
  auto answer = queries_.Uses(
      wanted->normal_name, [&](std::string_view version) { return Matches(wanted->specifier, version); },
      *filter);
  if (!answer.ok()) return rpc::ToGrpc(answer.status());
  *response = *std::move(answer);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
