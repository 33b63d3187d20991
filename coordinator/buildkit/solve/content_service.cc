#include "coordinator/buildkit/solve/content_service.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/oci/image_walk.h"
#include "common/rpc/status_proto.h"
#include "common/words/platform.h"
#include "coordinator/buildkit/history/history_trace.h"
#include "coordinator/buildkit/outputs/recorded_statements.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace content = ::containerd::services::content::v1;

constexpr size_t kContentPiece = 1 << 20;
constexpr size_t kMostKnownImages = 1000;

std::vector<const bk::BuildResultInfo*> ResultsOf(const bk::BuildHistoryRecord& record) {
  std::vector<const bk::BuildResultInfo*> results;
  if (record.has_result()) results.push_back(&record.result());
  for (const auto& [platform, result] : record.results()) results.push_back(&result);
  return results;
}

bool NamesStatement(const bk::BuildHistoryRecord& record, const std::string& digest) {
  for (const bk::BuildResultInfo* result : ResultsOf(record)) {
    for (const bk::Descriptor& each : result->attestations()) {
      if (each.digest() == digest) return true;
    }
  }
  return false;
}

// ImageMetadata's "containerimage.descriptor".
std::optional<bk::Descriptor> DescriptorOf(const std::string& base64) {
  std::string text;
  if (!absl::Base64Unescape(base64, &text)) return std::nullopt;
  const auto json = ParseJson(text);
  if (!json.ok() || !json->is_object()) return std::nullopt;
  bk::Descriptor descriptor;
  descriptor.set_media_type(TextMember(*json, "mediaType"));
  descriptor.set_digest(TextMember(*json, "digest"));
  descriptor.set_size(json->value("size", int64_t{0}));
  return descriptor;
}

}  // namespace

std::map<std::string, Digest> ContentService::DocumentsOf(const Digest& root) {
  {
    MutexLock lock(mutex_);
    if (const auto known = documents_.find(root.hash); known != documents_.end()) return known->second;
  }
  std::map<std::string, Digest> found;
  const auto blobs = oci::WalkImage(services_.blobs, root);
  if (!blobs.ok()) return found;
  for (const oci::Descriptor& each : blobs->documents) found[each.digest.Oci()] = each.digest;
  for (const oci::Descriptor& each : blobs->contents) {
    const bool layer = each.media_type.find(".layer.") != std::string::npos ||
                       each.media_type.find(".rootfs.diff") != std::string::npos;
    if (!layer && each.digest.size <= oci::kMaxDocument) found[each.digest.Oci()] = each.digest;
  }
  MutexLock lock(mutex_);
  if (documents_.size() >= kMostKnownImages) documents_.clear();
  documents_[root.hash] = found;
  return found;
}

absl::StatusOr<std::string> ContentService::Find(const CallerIdentity& caller, const std::string& digest) {
  const core::Scope scope = ScopeOf(caller.roles);
  const std::vector<v1::KeptClientBuild> builds = history_.List(scope, false, "");
  std::vector<bk::BuildHistoryRecord> records(builds.size());
  for (size_t i = 0; i < builds.size(); ++i) {
    records[i].ParseFromString(builds[i].record());
    if (records[i].trace().digest() == digest) {
      // What a policy has taken out of the record since makes another trace.
      std::string text = TraceOf(services_, builds[i]);
      if (DigestOf(text).Oci() == digest) return text;
    }
    if (!NamesStatement(records[i], digest)) continue;
    for (const int64_t build : builds[i].builds()) {
      auto statement = FindStatement(services_.exports.evidence, scope, build, digest);
      if (statement.ok()) return std::move(statement->predicate);
    }
  }
  for (const bk::BuildHistoryRecord& record : records) {
    for (const bk::BuildResultInfo* result : ResultsOf(record)) {
      for (const auto& [exporter, image] : result->results()) {
        const auto hash = HashOfOci(image.digest());
        if (!hash.ok()) continue;
        const std::map<std::string, Digest> documents = DocumentsOf({*hash, image.size()});
        if (const auto found = documents.find(digest); found != documents.end())
          return services_.blobs.Get(found->second);
      }
    }
  }
  return absl::NotFoundError(
      fmt::format("content {}: not found: no build that is listed has it", Printable(digest)));
}

grpc::Status ContentService::Info(grpc::ServerContext* context, const content::InfoRequest* request,
                                  content::InfoResponse* response) {
  const auto caller = services_.admit(*context, v1::ACCESS_READ);
  if (!caller.ok()) return rpc::ToGrpc(caller.status());
  const auto found = Find(*caller, request->digest());
  if (!found.ok()) return rpc::ToGrpc(found.status());
  response->mutable_info()->set_digest(request->digest());
  response->mutable_info()->set_size(static_cast<int64_t>(found->size()));
  return grpc::Status::OK;
}

grpc::Status ContentService::Read(grpc::ServerContext* context, const content::ReadContentRequest* request,
                                  grpc::ServerWriter<content::ReadContentResponse>* writer) {
  const auto caller = services_.admit(*context, v1::ACCESS_READ);
  if (!caller.ok()) return rpc::ToGrpc(caller.status());
  const auto found = Find(*caller, request->digest());
  if (!found.ok()) return rpc::ToGrpc(found.status());
  const auto whole = static_cast<int64_t>(found->size());
  if (request->offset() < 0 || request->offset() > whole || request->size() < 0) {
    return rpc::ToGrpc(absl::OutOfRangeError(
        fmt::format("content {}: it has {} bytes", Printable(request->digest()), whole)));
  }
  const int64_t rest = whole - request->offset();
  const int64_t wanted = request->size() == 0 ? rest : std::min(request->size(), rest);
  std::string_view bytes(*found);
  bytes = bytes.substr(static_cast<size_t>(request->offset()), static_cast<size_t>(wanted));
  content::ReadContentResponse response;
  response.set_offset(request->offset());
  do {
    const std::string_view piece = bytes.substr(0, kContentPiece);
    response.set_data(std::string(piece));
    if (!writer->Write(response)) return grpc::Status::OK;
    response.set_offset(response.offset() + static_cast<int64_t>(piece.size()));
    bytes.remove_prefix(piece.size());
  } while (!bytes.empty());
  return grpc::Status::OK;
}

std::string TraceOf(const SolveServices& services, const v1::KeptClientBuild& build) {
  bk::BuildHistoryRecord record;
  record.ParseFromString(build.record());
  if (!record.has_completedat()) return "";
  std::vector<opentelemetry::proto::trace::v1::Span> all;
  for (const int64_t number : build.builds()) {
    auto spans = services.spans_of(number);
    if (spans.ok()) std::move(spans->begin(), spans->end(), std::back_inserter(all));
  }
  return TraceText(all);
}

void AddResults(const SolveServices& services, const CallerIdentity& caller, const FinishedBuild& finished,
                const std::map<int, std::string>& images, bk::BuildHistoryRecord* record) {
  const auto statements = StatementsToRecord(services.exports.evidence, ScopeOf(caller.roles),
                                             finished.image.build, finished.image.attestations);
  if (!statements.ok())
    LogWarning("buildkit build={} statements are left out of the history: {}", finished.image.build,
               Sv(statements.status().message()));
  const bool several = finished.image.platforms.size() > 1 || finished.image.always_index;
  for (const RecordedStatement& each : statements.value_or(std::vector<RecordedStatement>())) {
    bk::BuildResultInfo& result =
        several ? (*record->mutable_results())[FormatPlatform(each.platform)] : *record->mutable_result();
    bk::Descriptor& descriptor = *result.add_attestations();
    descriptor.set_media_type(kStatementType);
    descriptor.set_digest(each.digest.Oci());
    descriptor.set_size(each.digest.size);
    (*descriptor.mutable_annotations())[kPredicateTypeAnnotation] = each.predicate_type;
  }
  for (const auto& [exporter, base64] : images) {
    if (const auto descriptor = DescriptorOf(base64))
      (*record->mutable_result()->mutable_results())[exporter] = *descriptor;
  }
}

}  // namespace crossmill::coordinator::buildkit
