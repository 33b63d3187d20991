// Who may call what (v1.Access). A peer on the unix socket (mode 0600) is this machine's operator and may do
// everything, a peer over TCP what its token says and without one nothing. So a RUN step on the host network,
// which can reach the TCP port but has no token, cannot use the coordinator.
#pragma once

#include <grpcpp/server_context.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/rpc/peers/lent_tokens.h"
#include "coordinator/rpc/peers/roles.h"
#include "crossmill/v1/access.pb.h"

namespace crossmill::coordinator {

// In front of a certificate's fingerprint where others have the hash of a token: whoever sends the bytes of a
// certificate, which is no secret, as a token has not shown its key.
inline constexpr std::string_view kCertificateMark = "certificate ";

// A token as it is stored: never itself, only its hash.
struct TokenRecord {
  // Hex SHA-256 of the token.
  std::string hash;
  v1::Access client = v1::ACCESS_UNSPECIFIED;
  bool worker = false;
  // Who holds it; of a worker's token the only name of a worker that it is good for, or of a pool (`ci-*`).
  std::string name;
};

// What the method of a service asks of its callers: by the option of the farm's own methods, by a table for
// others. ("crossmill.v1.Builds", "GetBuild".) Nothing where there is no rule.
std::optional<v1::Access> AccessOf(std::string_view service, std::string_view method);
// The methods of a service by its descriptor; none for one that is not known.
std::vector<std::string> MethodsOf(std::string_view service);
// Whether every method has a rule, and there is one: no other service is served (RpcServer refuses to start).
bool HasAccessRules(std::string_view service);

// PERMISSION_DENIED says what is missing.
absl::Status CheckAccess(const Roles& roles, v1::Access needed);

// Thread safe.
class Authenticator {
 public:
  explicit Authenticator(std::vector<TokenRecord> tokens) { SetTokens(std::move(tokens)); }

  // Replaces all tokens; calls that already passed go on.
  void SetTokens(std::vector<TokenRecord> tokens);
  // From now on the tokens are those of the file as it is at each call, and `own` beside them: a line that is
  // taken out of it is worth nothing any more. A file that cannot be read or understood changes nothing, and
  // the log says so. Before the first call.
  void Follow(std::string path, std::vector<TokenRecord> own);
  // Who has a token that is in no file: asked by the hex SHA-256 of the token, as RolesOf is. Before the
  // first call.
  using Ask = std::function<std::optional<Roles>(const std::string& hash)>;
  void AskAlso(Ask ask) { ask_ = std::move(ask); }
  // Whose a certificate is, by its hex SHA-256: asked of a connection whose other end has shown that it has
  // its key. `used`: by a call. Before the first call.
  using AskCertificate = std::function<absl::StatusOr<Roles>(const std::string& fingerprint, bool used)>;
  void AskCertificates(AskCertificate ask) { ask_certificate_ = std::move(ask); }
  // The hashes of the good tokens of that name that are in no file: asked by RolesOfName. Before the first
  // call.
  using AskName = std::function<std::vector<std::string>(std::string_view name)>;
  void AskNames(AskName ask) { ask_name_ = std::move(ask); }
  // Told of the peer of each call whose certificate is worth nothing: its next connection may have another.
  // Before the first call.
  void OnWorthless(std::function<void(std::string_view peer)> told) { on_worthless_ = std::move(told); }
  // Whether a token of the file names a worker so, or a pool of workers: that of everybody is not asked.
  bool NamesWorker(std::string_view name) const;
  // Told of the peer of each call over TCP whose token is known, as gRPC names it. Before the first call.
  void OnKnown(std::function<void(std::string_view peer)> known) { on_known_ = std::move(known); }

  // First line of every method, with what its option says. UNAUTHENTICATED without a known token,
  // PERMISSION_DENIED for one that may not.
  absl::Status Require(const grpc::ServerContextBase& context, v1::Access needed) const {
    return Admit(context, needed).status();
  }
  // The same for a method that has to know who calls.
  absl::StatusOr<Roles> Admit(const grpc::ServerContextBase& context, v1::Access needed) const;
  // UNAUTHENTICATED without a known token; FAILED_PRECONDITION for a Crossmill that is too old or too new.
  absl::StatusOr<Roles> RolesOf(const grpc::ServerContextBase& context) const;
  // Whether the token or certificate is still good that has this `Roles::hash`.
  bool Knows(const std::string& hash) const;
  // What the holder of the token or certificate with this `Roles::hash` may do now; UNAUTHENTICATED: it is
  // not good any more.
  absl::StatusOr<Roles> RolesOfHash(const std::string& hash) const;
  // The same of the client's token that has this name, for who has shown the name in a way that is believed.
  // UNAUTHENTICATED: none has it; FAILED_PRECONDITION: several have.
  absl::StatusOr<Roles> RolesOfName(std::string_view name) const;
  // A token for calls of this process in the name of whoever has `roles`: worth what they are worth at each
  // call, so nothing once the token or certificate that they come from is not good any more.
  LentToken Lend(Roles roles) const { return {lent_, std::move(roles)}; }

 private:
  // What shows that a file is another one, or was written.
  struct FileMark {
    uint64_t device = 0, inode = 0;
    int64_t size = -1, modified = 0, changed = 0;
    bool operator==(const FileMark&) const = default;
  };
  using TokenMap = std::map<std::string, Roles>;
  static TokenMap MapOf(std::vector<TokenRecord> tokens);
  static FileMark MarkOf(const std::string& path);
  // Reads the file again if it is not the one that was read last.
  void Refresh() const;
  std::optional<Roles> Find(const std::string& hash) const;
  std::optional<Roles> FindLent(const std::string& hash) const;
  absl::StatusOr<Roles> RolesOfToken(std::string_view header) const;
  // Nothing: the other end has none.
  std::optional<absl::StatusOr<Roles>> RolesOfCertificate(const grpc::ServerContextBase& context) const;

  Ask ask_;
  AskCertificate ask_certificate_;
  AskName ask_name_;
  std::function<void(std::string_view)> on_worthless_;
  std::function<void(std::string_view)> on_known_;
  // Never null; its tokens may outlive this.
  const std::shared_ptr<LentTokens> lent_ = std::make_shared<LentTokens>();
  // Empty: none is followed.
  std::string path_;
  std::vector<TokenRecord> own_;
  mutable Mutex mutex_;
  // Set together: who overtakes another reader with an older file is corrected at the next call.
  mutable TokenMap tokens_ ABSL_GUARDED_BY(mutex_);
  mutable FileMark mark_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
