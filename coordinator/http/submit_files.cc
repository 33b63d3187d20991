#include "coordinator/http/submit_files.h"

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/base/wiping.h"
#include "coordinator/http/multipart.h"
#include "coordinator/http/table/methods.h"
#include "coordinator/http/upload_call.h"

namespace crossmill::coordinator::door {
namespace {

// Of all that is not the context: all other parts together, or a request that is JSON.
constexpr size_t kMostText = 2 << 20;
// Of what follows the last part, which means nothing.
constexpr size_t kMostEpilogue = 64 << 10;
// Of a part's name, in an error.
constexpr size_t kShownName = 100;
constexpr std::string_view kContextPart = "context";
constexpr std::string_view kRequestPart = "request";
constexpr std::string_view kSecretPrefix = "secret:";

// One submission while its body is read.
class FilesBody {
 public:
  FilesBody(Exchange& exchange, UploadCall& call, FilesRequest request)
      : exchange_(exchange), call_(call), request_(std::move(request)) {}
  ~FilesBody() { WipeValues(message_.mutable_request()->mutable_secrets()); }

  // CANCELLED: the service takes nothing more, and says why itself.
  Awaitable<absl::Status> Send(BodyKind kind) {
    absl::Status read;
    if (kind == BodyKind::kJson) {
      read = co_await ReadJson();
    } else if (kind == BodyKind::kArchive) {
      read = co_await SendArchive();
    } else {
      read = co_await ReadParts();
    }
    if (read.ok()) read = Complete();
    if (!read.ok()) co_return read;
    co_return co_await Write(message_);
  }

 private:
  v1::SubmitFilesRequest& submission() { return *message_.mutable_request(); }

  // The request is made of the body's JSON, then of parameters and fields.
  absl::Status Complete() {
    RETURN_IF_ERROR(MergeJson(View(json_), &submission()));
    RETURN_IF_ERROR(SetFields(request_.parameters, request_.route, &submission()));
    const RequestHead& head = exchange_.head();
    if (!head.idempotency_key.empty()) submission().set_idempotency_key(head.idempotency_key);
    for (const std::string& field : head.secrets) {
      ASSIGN_OR_RETURN(v1::Secret secret, ParseSecretField(field));
      submission().add_secrets()->Swap(&secret);
    }
    for (v1::Secret& secret : secrets_) submission().add_secrets()->Swap(&secret);
    return absl::OkStatus();
  }

  Awaitable<absl::Status> Write(const v1::SubmitFilesPiece& piece) {
    const bool taken = co_await call_.Write(piece);
    absl::Status status;
    if (!taken) status = absl::CancelledError("the service takes nothing more");
    co_return status;
  }

  // A piece of the body, empty at its end. CANCELLED also when nothing is sent on: who sends a byte now and
  // then does so no longer than the call lasts.
  Awaitable<absl::StatusOr<std::string>> Read() {
    absl::StatusOr<std::string> bytes = co_await exchange_.ReadSome();
    if (call_.over()) {
      if (bytes.ok()) Wipe(&*bytes);
      bytes = absl::CancelledError("the service takes nothing more");
    }
    co_return bytes;
  }

  Awaitable<absl::Status> ReadJson() {
    while (true) {
      absl::StatusOr<std::string> bytes = co_await Read();
      if (!bytes.ok()) co_return bytes.status();
      if (bytes->empty()) co_return absl::OkStatus();
      const AtScopeEnd wipe([&bytes] { Wipe(&*bytes); });
      if (json_.size() + bytes->size() > kMostText)
        co_return absl::ResourceExhaustedError(fmt::format("the body is larger than {} bytes", kMostText));
      json_.insert(json_.end(), bytes->begin(), bytes->end());
    }
  }

  Awaitable<absl::Status> SendArchive() {
    v1::SubmitFilesPiece piece;
    while (true) {
      absl::StatusOr<std::string> bytes = co_await Read();
      if (!bytes.ok()) co_return bytes.status();
      if (bytes->empty()) co_return absl::OkStatus();
      piece.set_archive(*std::move(bytes));
      if (const absl::Status sent = co_await Write(piece); !sent.ok()) co_return sent;
    }
  }

  Awaitable<absl::Status> ReadParts() {
    absl::StatusOr<MultipartReader> parts = MultipartReader::Make(exchange_.head().content_type);
    if (!parts.ok()) co_return parts.status();
    while (true) {
      absl::StatusOr<std::optional<MultipartReader::Item>> item = parts->Next();
      if (!item.ok()) co_return item.status();
      if (*item && (*item)->kind == MultipartReader::Item::Kind::kEnd) break;
      if (*item) {
        if (const absl::Status taken = co_await TakeItem(**item); !taken.ok()) co_return taken;
        continue;
      }
      absl::StatusOr<std::string> bytes = co_await Read();
      if (!bytes.ok()) co_return bytes.status();
      if (bytes->empty())
        co_return absl::InvalidArgumentError("multipart/form-data: the last part has no end");
      parts->Feed(*bytes);
      Wipe(&*bytes);
    }
    // Bytes behind the last part are none of the next request.
    size_t behind = 0;
    while (true) {
      const absl::StatusOr<std::string> rest = co_await Read();
      if (!rest.ok()) co_return rest.status();
      if (rest->empty()) co_return absl::OkStatus();
      behind += rest->size();
      if (behind > kMostEpilogue) {
        co_return absl::InvalidArgumentError(
            fmt::format("multipart/form-data: more than {} bytes follow the last part", kMostEpilogue));
      }
    }
  }

  Awaitable<absl::Status> TakeItem(MultipartReader::Item& item) {
    using Kind = MultipartReader::Item::Kind;
    if (item.kind == Kind::kPart) {
      if (const absl::Status known = CheckPartName(item.name, request_.route); !known.ok()) co_return known;
      if (item.name == kContextPart && std::exchange(has_context_, true))
        co_return absl::InvalidArgumentError("there are two parts named context; send one");
      co_return absl::OkStatus();
    }
    if (item.kind == Kind::kPartEnd) co_return EndPart(item.name);
    if (item.name == kContextPart) {
      v1::SubmitFilesPiece piece;
      piece.set_archive(std::move(item.data));
      co_return co_await Write(piece);
    }
    text_bytes_ += item.data.size();
    if (text_bytes_ > kMostText) {
      co_return absl::ResourceExhaustedError(
          fmt::format("the parts that are not the context are larger than {} bytes, with part {}", kMostText,
                      Printable(item.name)));
    }
    part_.insert(part_.end(), item.data.begin(), item.data.end());
    Wipe(&item.data);
    co_return absl::OkStatus();
  }

  absl::Status EndPart(const std::string& name) {
    const WipedBytes bytes = std::exchange(part_, {});
    if (name == kContextPart) return absl::OkStatus();
    if (name == kRequestPart) {
      if (!json_.empty()) return absl::InvalidArgumentError("there are two parts named request; send one");
      json_ = bytes;
      return absl::OkStatus();
    }
    if (name.starts_with(kSecretPrefix)) {
      v1::Secret secret;
      secret.set_id(name.substr(kSecretPrefix.size()));
      secret.set_value(bytes.data(), bytes.size());
      if (ValidUtf8(name) != name) return absl::InvalidArgumentError("a secret's id is not UTF-8");
      secrets_.push_back(std::move(secret));
      return absl::OkStatus();
    }
    const std::string value(View(bytes));
    if (ValidUtf8(value) != value)
      return absl::InvalidArgumentError(fmt::format("part {} is not UTF-8", Printable(name)));
    request_.parameters.emplace_back(name, value);
    return absl::OkStatus();
  }

  Exchange& exchange_;
  UploadCall& call_;
  FilesRequest request_;
  v1::SubmitFilesPiece message_;
  // JSON, which may hold secrets.
  WipedBytes json_;
  WipedBytes part_;
  size_t text_bytes_ = 0;
  WipedSecrets<v1::Secret> secrets_;
  bool has_context_ = false;
};

}  // namespace

absl::Status CheckPartName(const std::string& name, const Route& route) {
  if (name == kContextPart || name == kRequestPart || name.starts_with(kSecretPrefix))
    return absl::OkStatus();
  const google::protobuf::FieldDescriptor* field =
      v1::SubmitFilesRequest::descriptor()->FindFieldByName(name);
  if (field != nullptr && IsQueryField(route, *field)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("there is no part named {} here; expected context, request, secret:ID, or a field's name",
                  Printable(name.substr(0, kShownName))));
}

BodyKind BodyKindOf(std::string_view content_type) {
  const std::string type = absl::AsciiStrToLower(Av(Trim(content_type.substr(0, content_type.find(';')))));
  if (type == "application/json") return BodyKind::kJson;
  if (type == "multipart/form-data") return BodyKind::kMultipart;
  // curl -T says nothing.
  for (const std::string_view archive :
       {"", "application/x-tar", "application/tar", "application/gzip", "application/x-gzip",
        "application/zstd", "application/x-zstd", "application/x-xz", "application/x-bzip2",
        "application/octet-stream"}) {
    if (type == archive) return BodyKind::kArchive;
  }
  return BodyKind::kOther;
}

absl::StatusOr<v1::Secret> ParseSecretField(std::string_view field) {
  const size_t equals = field.find('=');
  const absl::Status wrong = absl::InvalidArgumentError("Crossmill-Secret: expected ID=BASE64");
  if (equals == std::string_view::npos || equals == 0) return wrong;
  v1::Secret secret;
  secret.set_id(std::string(field.substr(0, equals)));
  if (ValidUtf8(secret.id()) != secret.id()) return wrong;
  if (!absl::Base64Unescape(Av(Trim(field.substr(equals + 1))), secret.mutable_value())) return wrong;
  return secret;
}

Awaitable<absl::Status> SubmitFiles(Exchange& exchange, AnyStub& stub, BodyKind kind, FilesRequest request,
                                    std::shared_ptr<v1::Submission> response) {
  const CallOptions options{"/" + std::string(request.route.method), request.authorization};
  const auto call = UploadCall::Start(stub, options, std::move(response), exchange.executor());
  exchange.OnAbort([call] { call->Cancel(); });
  absl::Status sent;
  {
    FilesBody body(exchange, *call, std::move(request));
    sent = co_await body.Send(kind);
  }
  if (!sent.ok() && !absl::IsCancelled(sent)) call->Cancel();
  const absl::Status said = co_await call->Finish();
  exchange.OnAbort(nullptr);
  if (!sent.ok() && !absl::IsCancelled(sent)) co_return sent;
  // The service ends a call only when its time is up; a server that stops ends the connection, too.
  if (absl::IsCancelled(said))
    co_return absl::DeadlineExceededError("the context did not come within the time that it may take");
  co_return said;
}

}  // namespace crossmill::coordinator::door
