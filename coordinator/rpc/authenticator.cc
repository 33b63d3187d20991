#include "coordinator/rpc/authenticator.h"

#include <google/protobuf/descriptor.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/rpc/protocol.h"
#include "common/words/words.h"
#include "coordinator/rpc/peers/worker_names.h"
#include "coordinator/rpc/token_file.h"
#include "crossmill/v1/bucket_service.pb.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/local_service.pb.h"
#include "crossmill/v1/machines_service.pb.h"
#include "crossmill/v1/notices_service.pb.h"
#include "crossmill/v1/people_service.pb.h"
#include "crossmill/v1/retention_service.pb.h"
#include "crossmill/v1/worker_service.pb.h"

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kBearer = "Bearer ";

// Rules are read from descriptors, which are registered by generated files to which nothing else may refer.
[[gnu::used]] const void* const kServicesWithRules[] = {
    &descriptor_table_crossmill_2fv1_2fbucket_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fclient_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fmachines_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fnotices_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fpeople_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fretention_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fworker_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2flocal_5fservice_2eproto};

struct ForeignRule {
  std::string_view service;
  std::string_view method;
  v1::Access access;
};

// Of services whose .proto files are not ours.
constexpr std::array<ForeignRule, 8> kForeign = {{
    {"build.bazel.remote.execution.v2.Capabilities", "GetCapabilities", v1::ACCESS_ANY},
    {"build.bazel.remote.execution.v2.ContentAddressableStorage", "FindMissingBlobs", v1::ACCESS_ANY},
    {"build.bazel.remote.execution.v2.ContentAddressableStorage", "BatchReadBlobs", v1::ACCESS_ANY},
    {"build.bazel.remote.execution.v2.ContentAddressableStorage", "GetTree", v1::ACCESS_ANY},
    {"build.bazel.remote.execution.v2.ContentAddressableStorage", "BatchUpdateBlobs", v1::ACCESS_CONTENT},
    {"google.bytestream.ByteStream", "Read", v1::ACCESS_ANY},
    {"google.bytestream.ByteStream", "Write", v1::ACCESS_CONTENT},
    {"google.bytestream.ByteStream", "QueryWriteStatus", v1::ACCESS_CONTENT},
}};
// gRPC's own, all of whose methods are open.
constexpr std::array<std::string_view, 2> kOpen = {"grpc.health.v1.Health",
                                                   "grpc.reflection.v1alpha.ServerReflection"};

const google::protobuf::ServiceDescriptor* FindService(std::string_view service) {
  return google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(std::string(service));
}

absl::Status Lacks(const Roles& roles, v1::Access needed) {
  if (roles.client == v1::ACCESS_UNSPECIFIED && !roles.worker)
    return absl::PermissionDeniedError("this token has no role");
  if (roles.client == v1::ACCESS_UNSPECIFIED)
    return absl::PermissionDeniedError("this token is a worker's; it cannot act as a client");
  if (needed == v1::ACCESS_WORKER)
    return absl::PermissionDeniedError("this token is a client's; it cannot act as a worker");
  return absl::PermissionDeniedError(
      fmt::format("this needs the role {}; the token's role is {}", Word(needed), Word(roles.client)));
}

}  // namespace

std::optional<v1::Access> AccessOf(std::string_view service, std::string_view method) {
  if (std::find(kOpen.begin(), kOpen.end(), service) != kOpen.end()) return v1::ACCESS_OPEN;
  for (const ForeignRule& rule : kForeign) {
    if (rule.service == service && rule.method == method) return rule.access;
  }
  const google::protobuf::ServiceDescriptor* found = FindService(service);
  const google::protobuf::MethodDescriptor* own =
      found == nullptr ? nullptr : found->FindMethodByName(std::string(method));
  if (own == nullptr || !own->options().HasExtension(v1::access)) return std::nullopt;
  const v1::Access access = own->options().GetExtension(v1::access);
  return access == v1::ACCESS_UNSPECIFIED ? std::nullopt : std::optional(access);
}

std::vector<std::string> MethodsOf(std::string_view service) {
  std::vector<std::string> methods;
  const google::protobuf::ServiceDescriptor* found = FindService(service);
  for (int i = 0; found != nullptr && i < found->method_count(); ++i)
    methods.push_back(found->method(i)->name());
  return methods;
}

bool HasAccessRules(std::string_view service) {
  const std::vector<std::string> methods = MethodsOf(service);
  return !methods.empty() && std::all_of(methods.begin(), methods.end(), [&](const std::string& method) {
    return AccessOf(service, method).has_value();
  });
}

absl::Status CheckAccess(const Roles& roles, v1::Access needed) {
  if (needed == v1::ACCESS_OPEN || roles.at_socket) return absl::OkStatus();
  bool allowed = false;
  switch (needed) {
    case v1::ACCESS_READ:
    case v1::ACCESS_SUBMIT:
    case v1::ACCESS_OPERATE:
    case v1::ACCESS_ADMIN:
      allowed = roles.client >= needed;
      break;
    case v1::ACCESS_WORKER:
      allowed = roles.worker;
      break;
    case v1::ACCESS_ANY:
      allowed = roles.worker || roles.client >= v1::ACCESS_READ;
      break;
    case v1::ACCESS_CONTENT:
      allowed = roles.worker || roles.client >= v1::ACCESS_SUBMIT;
      if (!allowed) return Lacks(roles, v1::ACCESS_SUBMIT);
      break;
    case v1::ACCESS_SOCKET:
      return absl::PermissionDeniedError("only over the coordinator's unix socket, on its machine");
    default:
      break;
  }
  return allowed ? absl::OkStatus() : Lacks(roles, needed);
}

Authenticator::TokenMap Authenticator::MapOf(std::vector<TokenRecord> tokens) {
  TokenMap roles;
  for (TokenRecord& token : tokens) {
    // A line by hand may lack the name; what its holder submits is still its own.
    if (token.name.empty() && !token.worker) token.name = "token-" + token.hash.substr(0, 12);
    Roles& entry = roles[std::move(token.hash)];
    entry.client = std::max(entry.client, token.client);
    entry.worker |= token.worker;
    if (token.worker) entry.worker_names.push_back(token.name);
    if (entry.name.empty()) entry.name = std::move(token.name);
  }
  return roles;
}

void Authenticator::SetTokens(std::vector<TokenRecord> tokens) {
  TokenMap roles = MapOf(std::move(tokens));
  MutexLock lock(mutex_);
  tokens_ = std::move(roles);
}

void Authenticator::Follow(std::string path, std::vector<TokenRecord> own) {
  path_ = std::move(path);
  own_ = std::move(own);
  Refresh();
}

Authenticator::FileMark Authenticator::MarkOf(const std::string& path) {
  const auto nanos = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  struct stat found;
  // None there is a mark of its own: a file that is removed takes its tokens with it.
  if (stat(path.c_str(), &found) != 0) return {0, 0, 0, 0, 0};
  return {found.st_dev, found.st_ino, found.st_size, nanos(found.st_mtim), nanos(found.st_ctim)};
}

void Authenticator::Refresh() const {
  if (path_.empty()) return;
  // Taken before the file is read: what is written meanwhile is seen at the next call.
  const FileMark mark = MarkOf(path_);
  {
    MutexLock lock(mutex_);
    if (mark == mark_) return;
  }
  absl::StatusOr<std::vector<TokenRecord>> tokens = ReadTokenFile(path_);
  if (!tokens.ok()) {
    LogWarning("tokens stay as they were: {}", Sv(tokens.status().message()));
    MutexLock lock(mutex_);
    mark_ = mark;
    return;
  }
  tokens->insert(tokens->end(), own_.begin(), own_.end());
  TokenMap roles = MapOf(*std::move(tokens));
  MutexLock lock(mutex_);
  tokens_ = std::move(roles);
  mark_ = mark;
}

std::optional<Roles> Authenticator::Find(const std::string& hash) const {
  Refresh();
  {
    MutexLock lock(mutex_);
    const auto found = tokens_.find(hash);
    if (found != tokens_.end()) return found->second;
  }
  if (std::optional<Roles> lent = FindLent(hash)) return lent;
  return ask_ ? ask_(hash) : std::nullopt;
}

std::optional<Roles> Authenticator::FindLent(const std::string& hash) const {
  std::optional<Roles> lent = lent_->Find(hash);
  // At the socket nothing was shown that could get worthless.
  if (lent && !lent->hash.empty()) {
    absl::StatusOr<Roles> now = RolesOfHash(lent->hash);
    if (!now.ok()) return std::nullopt;
    lent = *std::move(now);
  }
  if (lent) lent->lent = true;
  return lent;
}

namespace {

// Of the DER in it. gRPC has read it already: nothing of it is looked at but the bytes.
std::optional<std::string> FingerprintOfPem(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----", kEnd = "-----END CERTIFICATE-----";
  const size_t begin = pem.find(kBegin), end = pem.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return std::nullopt;
  pem = pem.substr(begin + kBegin.size(), end - begin - kBegin.size());
  std::string der;
  // Blanks and line feeds are passed over.
  if (!absl::Base64Unescape(absl::string_view(pem.data(), pem.size()), &der)) return std::nullopt;
  return Sha256Hex(der);
}

// Whoever calls and is Crossmill's has a protocol that this coordinator works with.
absl::Status CheckCaller(const grpc::ServerContextBase& context) {
  const auto agent = context.client_metadata().find("user-agent");
  if (agent == context.client_metadata().end()) return absl::OkStatus();
  const auto peer = rpc::PeerOf(std::string_view(agent->second.data(), agent->second.size()));
  return peer ? rpc::CheckPeer(*peer, rpc::kProtocol) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<Roles> Authenticator::RolesOf(const grpc::ServerContextBase& context) const {
  const std::string peer = context.peer();
  if (peer.starts_with("unix:")) {
    RETURN_IF_ERROR(CheckCaller(context));
    return Roles{.client = v1::ACCESS_ADMIN, .worker = true, .at_socket = true};
  }
  const auto header = context.client_metadata().find("authorization");
  Roles roles;
  if (header != context.client_metadata().end()) {
    ASSIGN_OR_RETURN(roles, RolesOfToken({header->second.data(), header->second.size()}));
  } else {
    std::optional<absl::StatusOr<Roles>> shown = RolesOfCertificate(context);
    if (!shown)
      return absl::UnauthenticatedError(
          "this address needs a token; give one with --token-file or CROSSMILL_TOKEN");
    if (!shown->ok() && on_worthless_) on_worthless_(peer);
    ASSIGN_OR_RETURN(roles, *std::move(shown));
  }
  // Strangers are not told which version this is.
  RETURN_IF_ERROR(CheckCaller(context));
  if (on_known_) on_known_(peer);
  return roles;
}

absl::StatusOr<Roles> Authenticator::RolesOfToken(std::string_view header) const {
  if (!header.starts_with(kBearer))
    return absl::UnauthenticatedError("the authorization header is not \"Bearer TOKEN\"");
  // Looked up by hash: how long it takes says nothing about any token.
  std::string hash = Sha256Hex(header.substr(kBearer.size()));
  std::optional<Roles> found = Find(hash);
  if (!found) return absl::UnauthenticatedError("the token is not known to this coordinator");
  found->hash = std::move(hash);
  return *std::move(found);
}

std::optional<absl::StatusOr<Roles>> Authenticator::RolesOfCertificate(
    const grpc::ServerContextBase& context) const {
  const auto connection = context.auth_context();
  if (!ask_certificate_ || connection == nullptr) return std::nullopt;
  const std::vector<grpc::string_ref> shown =
      connection->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (shown.empty()) return std::nullopt;
  const std::optional<std::string> fingerprint = FingerprintOfPem({shown[0].data(), shown[0].size()});
  if (!fingerprint) return absl::UnauthenticatedError("the certificate cannot be read");
  absl::StatusOr<Roles> roles = ask_certificate_(*fingerprint, true);
  if (roles.ok()) roles->hash = std::string(kCertificateMark) + *fingerprint;
  return roles;
}

bool Authenticator::Knows(const std::string& hash) const {
  if (!hash.starts_with(kCertificateMark)) return Find(hash).has_value();
  return ask_certificate_ && ask_certificate_(hash.substr(kCertificateMark.size()), false).ok();
}

absl::StatusOr<Roles> Authenticator::RolesOfHash(const std::string& hash) const {
  absl::StatusOr<Roles> roles = absl::UnauthenticatedError("the token is not known to this coordinator");
  if (!hash.starts_with(kCertificateMark)) {
    if (std::optional<Roles> found = Find(hash)) roles = *std::move(found);
  } else if (ask_certificate_) {
    roles = ask_certificate_(hash.substr(kCertificateMark.size()), false);
  }
  if (roles.ok()) roles->hash = hash;
  return roles;
}

absl::StatusOr<Roles> Authenticator::RolesOfName(std::string_view name) const {
  Refresh();
  std::vector<std::string> hashes;
  {
    MutexLock lock(mutex_);
    for (const auto& [hash, roles] : tokens_) {
      if (roles.name == name && roles.client != v1::ACCESS_UNSPECIFIED) hashes.push_back(hash);
    }
  }
  if (ask_name_) {
    for (std::string& hash : ask_name_(name)) hashes.push_back(std::move(hash));
  }
  if (hashes.size() > 1)
    return absl::FailedPreconditionError(
        fmt::format("{} tokens of this farm are named {}, and each may give other rights: revoke all but one",
                    hashes.size(), Printable(name)));
  if (hashes.empty())
    return absl::UnauthenticatedError(fmt::format(
        "no token of this farm is named {}: make one with this name, whose rights count", Printable(name)));
  return RolesOfHash(hashes.front());
}

bool Authenticator::NamesWorker(std::string_view name) const {
  Refresh();
  MutexLock lock(mutex_);
  for (const auto& [hash, roles] : tokens_) {
    for (const std::string& pattern : roles.worker_names) {
      if (pattern != "*" && CoversWorker(pattern, name)) return true;
    }
  }
  return false;
}

absl::StatusOr<Roles> Authenticator::Admit(const grpc::ServerContextBase& context, v1::Access needed) const {
  ASSIGN_OR_RETURN(Roles roles, RolesOf(context));
  RETURN_IF_ERROR(CheckAccess(roles, needed));
  return roles;
}

}  // namespace crossmill::coordinator
