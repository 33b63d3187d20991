#include "coordinator/rpc/peers/audit_interceptor.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/identity.pb.h"

namespace crossmill::coordinator {
namespace {

// Of those that need a role which may change something: they only ask.
constexpr std::array<std::string_view, 11> kQuestions = {
    "ListWebhooks", "ListDeliveries", "Predict",           "ReadStatements",  "ListProjects", "ListTokens",
    "VerifyAudit",  "ListAudit",      "ListIdentityRules", "ListInvitations", "ListMachines"};

// Numbers and names. Not: addresses (an user name may be in them), keys, contents.
constexpr std::array<std::string_view, 23> kNamed = {
    "matrix_id", "build_ids", "build_id",    "existing", "id",         "ids",   "name",     "names",
    "reference", "worker",    "delivery_id", "role",     "webhook_id", "hosts", "since",    "dry_run",
    "value",     "all",       "project",     "settings", "subject",    "pool",  "valid_for"};

// Whoever calls it has no token yet: what it is given says whose it is.
constexpr std::string_view kExchange = "crossmill.v1.People/ExchangeIdentity";

// However long a list is, a line says how it begins.
constexpr int kMostValues = 20;
constexpr size_t kLongest = 300;

std::string ValueOf(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field,
                    int index) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& values = *message.GetReflection();
  const bool many = field.is_repeated();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32:
      return fmt::format(
          "{}", many ? values.GetRepeatedInt32(message, &field, index) : values.GetInt32(message, &field));
    case Field::CPPTYPE_INT64:
      return fmt::format(
          "{}", many ? values.GetRepeatedInt64(message, &field, index) : values.GetInt64(message, &field));
    case Field::CPPTYPE_UINT32:
      return fmt::format(
          "{}", many ? values.GetRepeatedUInt32(message, &field, index) : values.GetUInt32(message, &field));
    case Field::CPPTYPE_BOOL:
      return values.GetBool(message, &field) ? "true" : "false";
    case Field::CPPTYPE_ENUM:
      return values.GetEnum(message, &field)->name();
    case Field::CPPTYPE_STRING:
      return Printable(many ? values.GetRepeatedString(message, &field, index)
                            : values.GetString(message, &field))
          .substr(0, kLongest);
    default:
      return "";
  }
}

std::string TextOf(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field) {
  if (!field.is_repeated()) return ValueOf(message, field, 0);
  std::vector<std::string> values;
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < std::min(size, kMostValues); ++i) values.push_back(ValueOf(message, field, i));
  if (size > kMostValues) values.push_back(fmt::format("and {} more", size - kMostValues));
  return absl::StrJoin(values, " ");
}

class AuditInterceptor final : public grpc::experimental::Interceptor {
 public:
  AuditInterceptor(AuditLog& log, AuditLog& refused, const Authenticator& authenticator,
                   grpc::experimental::ServerRpcInfo& info)
      : log_(log), refused_(refused), authenticator_(authenticator), info_(info) {
    entry_.call = std::string_view(info.method()).substr(1);
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using Point = grpc::experimental::InterceptionHookPoints;
    // Before anything else: a token may be taken back while a push is under way.
    if (!caller_) caller_ = authenticator_.RolesOf(*info_.server_context());
    if (methods->QueryInterceptionHookPoint(Point::POST_RECV_MESSAGE))
      Take(methods->GetRecvMessage(), &asked_);
    if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_MESSAGE))
      Take(methods->GetSendMessage(), &answered_);
    if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_STATUS)) Tell(methods->GetSendStatus());
    methods->Proceed();
  }

 private:
  // Of a stream the first message that names something says what it is about. They are messages of protobuf:
  // so are all services'.
  void Take(const void* message, bool* taken) {
    if (message == nullptr || *taken) return;
    for (auto& named : NamedBy(*static_cast<const google::protobuf::Message*>(message))) {
      entry_.about.push_back(std::move(named));
      *taken = true;
    }
  }

  void Tell(const grpc::Status& status) {
    const grpc::ServerContextBase& context = *info_.server_context();
    entry_.peer = context.peer();
    // The page's door calls from within (http/rpc_calls.h), and so does the one for BuildKit's clients.
    const bool lent = caller_ && caller_->ok() && (*caller_)->lent;
    entry_.door = lent                                ? "buildkit"
                  : entry_.peer.starts_with("unix:")  ? "socket"
                  : entry_.peer.starts_with("inproc") ? "http"
                                                      : "tcp";
    if (entry_.call == kExchange) {
      if (status.ok()) TellOfExchange();
      return;
    }
    // Anybody could fill the log.
    if (!caller_ || !caller_->ok()) return;
    entry_.client = (*caller_)->name;
    entry_.outcome = absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()));
    const bool refused = status.error_code() == grpc::StatusCode::PERMISSION_DENIED;
    (refused ? refused_ : log_).Add(entry_);
  }

  void TellOfExchange() {
    for (const auto& [what, value] : entry_.about) {
      if (what == "name") entry_.client = value;
    }
    entry_.outcome = "OK";
    log_.Add(entry_);
  }

  AuditLog& log_;
  AuditLog& refused_;
  const Authenticator& authenticator_;
  grpc::experimental::ServerRpcInfo& info_;
  std::optional<absl::StatusOr<Roles>> caller_;
  AuditEntry entry_;
  bool asked_ = false;
  bool answered_ = false;
};

class AuditInterceptors final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  AuditInterceptors(AuditLog& log, AuditLog& refused, const Authenticator& authenticator)
      : log_(log), refused_(refused), authenticator_(authenticator) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    if (info->method() == nullptr || !IsAudited(info->method())) return nullptr;
    return new AuditInterceptor(log_, refused_, authenticator_, *info);
  }

 private:
  AuditLog& log_;
  AuditLog& refused_;
  const Authenticator& authenticator_;
};

}  // namespace

bool IsAudited(std::string_view method) {
  if (!method.starts_with('/')) return false;
  const size_t slash = method.find('/', 1);
  if (slash == std::string_view::npos) return false;
  const std::string_view name = method.substr(slash + 1);
  if (std::find(kQuestions.begin(), kQuestions.end(), name) != kQuestions.end()) return false;
  if (method.substr(1) == kExchange) return true;
  const std::optional<v1::Access> access = AccessOf(method.substr(1, slash - 1), name);
  return access == v1::ACCESS_SUBMIT || access == v1::ACCESS_OPERATE || access == v1::ACCESS_ADMIN ||
         access == v1::ACCESS_SOCKET;
}

std::vector<std::pair<std::string, std::string>> NamedBy(const google::protobuf::Message& message) {
  std::vector<std::pair<std::string, std::string>> named;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (std::find(kNamed.begin(), kNamed.end(), field->name()) == kNamed.end()) continue;
    named.emplace_back(field->name(), TextOf(message, *field));
  }
  if (const auto* submit = dynamic_cast<const v1::SubmitBuildRequest*>(&message)) {
    const auto& tags = submit->submission().options().tags();
    if (!tags.empty()) named.emplace_back("tags", Printable(absl::StrJoin(tags, " ")).substr(0, kLongest));
  }
  if (const auto* create = dynamic_cast<const v1::CreateIdentityRuleRequest*>(&message)) {
    for (auto& [what, value] : NamedBy(create->rule())) named.emplace_back(what, std::move(value));
  }
  return named;
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeAuditInterceptors(
    AuditLog& log, AuditLog& refused, const Authenticator& authenticator) {
  return std::make_unique<AuditInterceptors>(log, refused, authenticator);
}

}  // namespace crossmill::coordinator
