#include "cli/session/session.h"

#include <algorithm>
#include <charconv>

#include "cli/session/login.h"
#include "cli/show/exit_codes.h"
#include "cli/show/render_json_lines.h"
#include "common/base/absolute_path.h"
#include "common/base/files.h"

namespace crossmill::cli {

std::string Session::DataFolder() {
  // Processes that `up` starts have another working folder.
  if (!data.empty()) return AbsolutePath(data);
  if (const std::string folder = env.VariableOr("CROSSMILL_DATA"); !folder.empty())
    return AbsolutePath(folder);
  if (env.IsRoot()) return "/var/lib/crossmill";
  if (const std::string folder = env.VariableOr("XDG_DATA_HOME"); !folder.empty())
    return AbsolutePath(folder + "/crossmill");
  return env.VariableOr("HOME") + "/.local/share/crossmill";
}

const std::optional<ConnectOptions>& Session::Login() {
  static const std::optional<ConnectOptions> kNobody;
  if (!login_) login_ = ReadLogin(LoginFolder(env));
  return login_->ok() ? **login_ : kNobody;
}

bool Session::SaysWhichFarm() {
  return !coordinator.empty() || !data.empty() || !env.VariableOr("CROSSMILL_COORDINATOR").empty() ||
         !env.VariableOr("CROSSMILL_DATA").empty();
}

std::string Session::Address() {
  if (!coordinator.empty()) return coordinator;
  if (const std::string address = env.VariableOr("CROSSMILL_COORDINATOR"); !address.empty()) return address;
  if (!SaysWhichFarm() && Login()) return Login()->address;
  return "unix:" + DataFolder() + "/coordinator.sock";
}

absl::StatusOr<std::string> Session::Token() {
  if (token_file.empty()) return env.VariableOr("CROSSMILL_TOKEN");
  ASSIGN_OR_RETURN(std::string token, ReadFile(token_file, 64 << 10));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' '))
    token.pop_back();
  return token;
}

absl::StatusOr<ConnectOptions> Session::SaidOptions() {
  ConnectOptions options;
  options.address = Address();
  ASSIGN_OR_RETURN(options.token, Token());
  options.ca_file = ca_file.empty() ? env.VariableOr("CROSSMILL_CA_FILE") : ca_file;
  options.insecure = insecure;
  return options;
}

absl::StatusOr<ConnectOptions> Session::Options() {
  const std::optional<ConnectOptions>& login = Login();
  if (!SaysWhichFarm()) RETURN_IF_ERROR(login_->status());
  ASSIGN_OR_RETURN(ConnectOptions options, SaidOptions());
  if (login && login->address == options.address) {
    if (options.token.empty()) options.token = login->token;
    if (options.ca_file.empty()) options.ca_file = login->ca_file;
    options.insecure = options.insecure || login->insecure;
  }
  return options;
}

absl::StatusOr<rpc::RetryPolicy> Session::Retry() {
  rpc::OutageLimits limits;
  const std::string text = reconnect_for.empty() ? env.VariableOr("CROSSMILL_RECONNECT_FOR") : reconnect_for;
  if (!text.empty()) {
    if (!absl::ParseDuration(Av(text), &limits.lost) || limits.lost < absl::ZeroDuration() ||
        limits.lost > absl::Hours(24 * 365)) {
      return absl::InvalidArgumentError(
          fmt::format("--reconnect-for {}: expected a time such as 0s, 90s or 1h30m", text));
    }
    limits.unknown = limits.lost;
    limits.busy = std::min(limits.busy, limits.lost);
  }
  rpc::RetryPolicy retry;
  retry.outages = std::make_shared<rpc::Outages>(limits, OutageTeller());
  return retry;
}

rpc::Outages::Tell Session::OutageTeller() {
  return [this](std::string_view text) {
    if (json_progress) {
      TellJson(NoteLine("note", text, UnixNanos(env.clock().Now())));
    } else {
      Tell(fmt::format("crossmill: {}\n", text));
    }
  };
}

absl::StatusOr<Farm*> Session::Connect() {
  if (farm_ == nullptr) {
    ASSIGN_OR_RETURN(ConnectOptions options, Options());
    ASSIGN_OR_RETURN(options.retry, Retry());
    ASSIGN_OR_RETURN(farm_, env.Connect(options));
    farm_->retry = options.retry;
  }
  return farm_.get();
}

absl::Status Session::Try(const std::function<absl::Status()>& once, bool repeatable, Repeat repeat) {
  rpc::Backoff backoff(farm_ == nullptr ? rpc::RetryPolicy() : farm_->retry, repeat == Repeat::kAwaitStart);
  while (true) {
    const absl::Status status = once();
    if (!rpc::IsTransient(status)) {
      backoff.Reset();
      return Explain(status);
    }
    const bool again = repeat != Repeat::kNever && (repeatable || rpc::NeverSent(status));
    if (!again || !backoff.Wait(status)) return Explain(status);
  }
}

TextOptions Session::TextFor(const Terminal& terminal) {
  TextOptions options;
  options.width = terminal.is_terminal ? terminal.width : 160;
  if (const std::string columns = env.VariableOr("COLUMNS"); !terminal.is_terminal && !columns.empty()) {
    int width = 0;
    std::from_chars(columns.data(), columns.data() + columns.size(), width);
    if (width >= 40) options.width = width;
  }
  options.colour =
      terminal.is_terminal && env.VariableOr("NO_COLOR").empty() && env.VariableOr("TERM") != "dumb";
  return options;
}

TextOptions Session::OutText() { return TextFor(env.OutTerminal()); }
bool Session::ErrColour() { return TextFor(env.ErrTerminal()).colour; }

absl::Status Session::PrintJson(const Json& document) {
  return env.Out(PrintableJson(WriteJsonPretty(document)) + "\n");
}

void Session::TellJson(const Json& line) { env.Err(PrintableJson(WriteJson(line)) + "\n"); }

absl::Status Session::Explain(const absl::Status& status) {
  const absl::Duration tried = farm_ == nullptr || farm_->retry.outages == nullptr
                                   ? absl::ZeroDuration()
                                   : farm_->retry.outages->gave_up();
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      if (tried >= absl::Seconds(1)) {
        return WithHint(
            absl::UnavailableError(fmt::format("the coordinator at {} could not be reached for {} s: {}",
                                               Address(), absl::ToInt64Seconds(tried), Sv(status.message()))),
            "`crossmill doctor` says what it finds; --reconnect-for TIME tries for longer; what was "
            "submitted "
            "goes on, and `crossmill ls` and `crossmill watch` find it again");
      }
      return WithHint(absl::UnavailableError(fmt::format("cannot reach the coordinator at {}: {}", Address(),
                                                         Sv(status.message()))),
                      "`crossmill up` starts a farm on this machine; `crossmill login`, --coordinator or "
                      "CROSSMILL_COORDINATOR names another");
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return WithHint(Annotate(status, fmt::format("the coordinator at {} refused", Address())),
                      "`crossmill login`, --token-file or CROSSMILL_TOKEN gives a client token; the local "
                      "socket belongs to the user who "
                      "started the coordinator");
    default:
      return status;
  }
}

absl::StatusOr<int64_t> ParseBuildId(std::string_view text) {
  if (text.empty() || text == "latest") return 0;
  std::string_view digits = text;
  if (digits.front() == 'b' || digits.front() == '#') digits.remove_prefix(1);
  int64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc() || end != digits.data() + digits.size() || id <= 0) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no build; expected its number (crossmill ls) or \"latest\"", text));
  }
  return id;
}

absl::StatusOr<v1::BuildView> GetBuild(Session& session, std::string_view text) {
  ASSIGN_OR_RETURN(const int64_t id, ParseBuildId(text));
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetBuildRequest request;
  request.set_build_id(id);
  return session.Call(*farm->builds, &v1::Builds::StubInterface::GetBuild, request);
}

}  // namespace crossmill::cli
