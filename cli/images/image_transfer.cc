#include "cli/images/image_transfer.h"

#include <map>
#include <set>
#include <utility>

#include "cli/show/text.h"
#include "common/oci/reference.h"
#include "common/registry/credentials.h"

namespace crossmill::cli {
namespace {

// Sums of what is known of the blobs so far.
class Transfers {
 public:
  Transfers(Progress& progress, std::string doing) : progress_(progress), doing_(std::move(doing)) {}

  void On(const std::string& digest, int64_t done, int64_t total, std::string_view remark) {
    blobs_[digest] = {done, total};
    int64_t all_done = 0;
    int64_t all = 0;
    for (const auto& [name, bytes] : blobs_) {
      all_done += bytes.first;
      all += bytes.second;
    }
    progress_.Activity(fmt::format("{}: {} of {}", doing_, FormatBytes(all_done), FormatBytes(all)));
    if (done == total && finished_.insert(digest).second) {
      progress_.Note(fmt::format("{} {}{}", digest, FormatBytes(total), remark));
    }
  }

 private:
  Progress& progress_;
  const std::string doing_;
  // Blob -> (done, total).
  std::map<std::string, std::pair<int64_t, int64_t>> blobs_;
  std::set<std::string> finished_;
};

}  // namespace

std::vector<v1::RegistryCredentials> OwnCredentials(Session& session, const std::string& text,
                                                    Progress& progress) {
  // A bad reference is the coordinator's to explain.
  const auto reference = oci::ParseReference(text);
  if (!reference.ok()) return {};
  const registry::CredentialLookup lookup =
      registry::DockerCredentials([&](const std::string& name) { return session.env.Variable(name); });
  const auto found = lookup(reference->registry);
  if (!found.ok()) {
    progress.Note(fmt::format("note: no credentials of yours for {}: {}", reference->registry,
                              Sv(found.status().message())));
    return {};
  }
  if (!found->has_value()) return {};
  v1::RegistryCredentials credentials;
  credentials.set_registry(reference->registry);
  credentials.set_username((*found)->user);
  credentials.set_password((*found)->password);
  credentials.set_identity_token((*found)->identity_token);
  return {credentials};
}

absl::StatusOr<v1::ImageView> PullImage(Session& session, const v1::PullImageRequest& given,
                                        Progress& progress) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::PullImageRequest request = given;
  for (auto& one : OwnCredentials(session, request.reference(), progress))
    *request.add_credentials() = std::move(one);
  Transfers transfers(progress, "pulling " + request.reference());
  v1::ImageView image;
  // What was pulled by the time the connection went is in the store, and is not fetched twice.
  RETURN_IF_ERROR(session.CallStream([&] {
    grpc::ClientContext context;
    const auto reader = farm->images->PullImage(&context, request);
    v1::PullProgress news;
    while (reader->Read(&news)) {
      if (news.has_image()) image = news.image();
      if (!news.digest().empty()) transfers.On(news.digest(), news.done_bytes(), news.total_bytes(), "");
    }
    return rpc::FromGrpc(reader->Finish());
  }));
  return image;
}

absl::StatusOr<PushedImage> PushImage(Session& session, const v1::PushImageRequest& given,
                                      Progress& progress) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::PushImageRequest request = given;
  const std::string target = request.reference().empty() ? request.name() : request.reference();
  for (auto& one : OwnCredentials(session, target, progress)) *request.add_credentials() = std::move(one);
  Transfers transfers(progress, "pushing " + target);
  PushedImage pushed;
  // Begun anew it finds the blobs that it sent, and gives the same names to the same digests.
  RETURN_IF_ERROR(session.CallStream([&] {
    grpc::ClientContext context;
    const auto reader = farm->images->PushImage(&context, request);
    v1::PushProgress news;
    while (reader->Read(&news)) {
      if (!news.pushed_digest().empty()) {
        pushed.digest = news.pushed_digest();
        pushed.attestations.assign(news.attestation_digests().begin(), news.attestation_digests().end());
      }
      if (news.digest().empty()) continue;
      transfers.On(news.digest(), news.done_bytes(), news.total_bytes(), news.existed() ? " was there" : "");
    }
    return rpc::FromGrpc(reader->Finish());
  }));
  progress.Note(fmt::format("pushed {} {}", target, pushed.digest));
  return pushed;
}

}  // namespace crossmill::cli
