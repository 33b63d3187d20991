// One run of the program: global flags, the connection, and how results are printed. Commands get it.
#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/session/environment.h"
#include "cli/show/text.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/rpc/repeatable.h"
#include "common/rpc/retry.h"
#include "common/rpc/status_proto.h"

namespace crossmill::cli {

class Session {
 public:
  explicit Session(Environment& environment) : env(environment) {}

  Environment& env;
  // Global flags as given; empty when not.
  std::string coordinator;
  std::string token_file;
  std::string ca_file;
  std::string data;
  bool insecure = false;
  std::string reconnect_for;
  // --json of the chosen command.
  bool json = false;
  // Standard error holds JSON lines (--progress json).
  bool json_progress = false;
  // Set by the chosen command's parser: what to do. The result is the exit code.
  std::function<absl::StatusOr<int>()> command;

  // --data, else CROSSMILL_DATA, else /var/lib/crossmill for root and $XDG_DATA_HOME/crossmill. Absolute.
  std::string DataFolder();
  // --coordinator, else CROSSMILL_COORDINATOR, else the socket in the folder of --data or CROSSMILL_DATA if
  // one is given, else the farm that one is logged in to, else the socket in the data folder.
  std::string Address();
  // Nothing where nobody is logged in, or the login cannot be read, which Connect tells.
  const std::optional<ConnectOptions>& Login();
  // What flags and variables say of the coordinator at Address, without what a login adds.
  absl::StatusOr<ConnectOptions> SaidOptions();
  // Connects at the first call. The farm belongs to the session. Token and authorities of a login are given
  // to no other address than its own.
  absl::StatusOr<Farm*> Connect();

  // Width and colours of text on the two outputs; no colours with NO_COLOR or TERM=dumb.
  TextOptions OutText();
  bool ErrColour();
  // What people read on standard output and on standard error. Everything goes through here, because any of
  // it may repeat what a recipe, a worker, a registry or a file says: nothing that a terminal acts on passes.
  absl::Status Print(std::string_view text) { return env.Out(PrintableText(text, OutText().colour)); }
  void Tell(std::string_view text) { env.Err(PrintableText(text, ErrColour())); }
  // The same for programs, on both.
  absl::Status PrintJson(const Json& json);
  void TellJson(const Json& line);

  // Whether a call that got no answer is made again.
  enum class Repeat {
    // If it may be (common/rpc/repeatable.h), or was not sent.
    kIfSafe,
    // So too, and it waits for a coordinator that is being started.
    kAwaitStart,
    // The caller does that.
    kNever
  };

  // One unary call: `method` of `stub`. UNAVAILABLE names the address and says what to do.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request, Repeat repeat = Repeat::kIfSafe) {
    Response response;
    const auto once = [&] {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
      response.Clear();
      return rpc::FromGrpc((stub.*method)(&context, request, &response));
    };
    RETURN_IF_ERROR(Try(once, rpc::IsRepeatable(*Request::descriptor()), repeat));
    return response;
  }

  // A call that streams, may be repeated, and begins anew each time that `once` makes it.
  absl::Status CallStream(const std::function<absl::Status()>& once) {
    return Try(once, true, Repeat::kIfSafe);
  }

  // Adds to an error of a call which coordinator it was and a hint.
  absl::Status Explain(const absl::Status& status);

 private:
  TextOptions TextFor(const Terminal& terminal);
  // By a flag or a variable, so that no login is asked.
  bool SaysWhichFarm();
  // What Connect connects with.
  absl::StatusOr<ConnectOptions> Options();
  absl::StatusOr<std::string> Token();
  absl::StatusOr<rpc::RetryPolicy> Retry();
  // Who tells of an outage where nobody shows a build.
  rpc::Outages::Tell OutageTeller();
  absl::Status Try(const std::function<absl::Status()>& once, bool repeatable, Repeat repeat);

  // Read at the first question.
  std::optional<absl::StatusOr<std::optional<ConnectOptions>>> login_;
  std::unique_ptr<Farm> farm_;
};

// "12", "b12" or "latest" (also empty) to a build id, 0 for the latest. INVALID_ARGUMENT otherwise.
absl::StatusOr<int64_t> ParseBuildId(std::string_view text);

// The build's view; `text` as for ParseBuildId.
absl::StatusOr<v1::BuildView> GetBuild(Session& session, std::string_view text);

}  // namespace crossmill::cli
