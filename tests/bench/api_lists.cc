// How long the HTTP API takes for each of its lists with a large record.
//
//   api_lists --coordinator BIN [--builds N] [--rounds N] [--folder DIR] [--page web/tests/paint.mjs]
//
// Makes a data folder with N builds (default 100,000; list_record.h) that goes away again, starts a
// coordinator on it, and asks each GET route of /api/v1/openapi.json that gives a list, with the filters that
// find least and most. Prints the median and the longest of the rounds (default 21), from the request to the
// end of the answer on one connection that is kept, and how much came. Nothing is judged but that every list
// has a question and is answered. With --page a browser then opens a build of 12 platforms and 60 stages
// (wide_build.h) as often, and says when it is painted; the coordinator has to have the page in it.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/text.h"
#include "common/http/curl_http_client.h"
#include "tests/bench/coordinator_process.h"
#include "tests/bench/door_access.h"
#include "tests/bench/list_record.h"
#include "tests/bench/wide_build.h"

namespace crossmill {
namespace {

// Of one thing, of the farm as it is now, or no answer that ends.
const std::set<std::string> kNoLists = {
    "/api/v1/builds/{build_id}", "/api/v1/builds/{build_id}/events", "/api/v1/builds/{build_id}/recipe",
    "/api/v1/builds/{build_id}/submission", "/api/v1/builds/{first}/compare/{second}",
    "/api/v1/builds/{build_id}/statements", "/api/v1/executions/{execution}/log",
    "/api/v1/executions/{execution}/log/stream", "/api/v1/submissions/{submission}", "/api/v1/events",
    "/api/v1/badges/build.svg", "/api/v1/badges/verdict.svg",
    // Of a webhook and of a matrix, of which the record has none.
    "/api/v1/webhooks/{webhook_id}/deliveries", "/api/v1/matrices/{matrix_id}", "/api/v1/session",
    "/api/v1/status", "/api/v1/version"};

struct Question {
  // Of the document.
  std::string path;
  // What stands for it in the address.
  std::string asked;
};

std::vector<Question> QuestionsOf(int64_t newest_build) {
  const std::string build = std::to_string(newest_build);
  const std::string builds = "/api/v1/builds";
  const auto filtered = [&](const std::string& filter, const std::string& more = "") {
    return Question{builds, builds + "?filter=" + EncodePercent(filter) + more};
  };
  return {
      {builds, builds},
      {builds, builds + "?page_size=200"},
      {builds, builds + "?page_token=" + std::to_string(newest_build / 2)},
      filtered("status:failed"),
      filtered("status:failed platform:linux/arm64 since:7d"),
      filtered("status:failed", "&page_size=200"),
      filtered("label:team=team7 verdict:unreproducible"),
      filtered("name:service77"),
      filtered("\"exit code 1\""),
      filtered("nothing-has-this-text"),
      filtered("nothing-has-this-text -status:succeeded label:team=nobody"),
      filtered("dockerfile service exit -platform:linux/amd64"),
      filtered("until:700d"),
      filtered("duration>2h"),
      {"/api/v1/wall", "/api/v1/wall"},
      {"/api/v1/wall", "/api/v1/wall?page_size=200"},
      {"/api/v1/trends", "/api/v1/trends"},
      {"/api/v1/trends", "/api/v1/trends?days=90&zone=Europe/Berlin"},
      {"/api/v1/trends", "/api/v1/trends?days=364&weekly=1"},
      {"/api/v1/builds/{build_id}/packages", builds + "/" + build + "/packages"},
      {"/api/v1/builds/{build_id}/fetches", builds + "/" + build + "/fetches"},
      {"/api/v1/history", "/api/v1/history?name=registry.example/team7/service7"},
      {"/api/v1/packages/history", "/api/v1/packages/history?name=package-3"},
      {"/api/v1/packages/compiled", "/api/v1/packages/compiled"},
      {"/api/v1/packages/compiled", fmt::format("/api/v1/packages/compiled?limit=20&since={}",
                                                absl::ToUnixNanos(absl::Now() - absl::Hours(24 * 90)))},
      {"/api/v1/packages/uses", "/api/v1/packages/uses?requirement=package-3"},
      {"/api/v1/wheels", "/api/v1/wheels"},
      {"/api/v1/images", "/api/v1/images"},
      {"/api/v1/workers", "/api/v1/workers"},
      {"/api/v1/states", "/api/v1/states"},
      {"/api/v1/changes", "/api/v1/changes"},
      {"/api/v1/feed", "/api/v1/feed"},
      {"/api/v1/webhooks", "/api/v1/webhooks"},
  };
}

class Door {
 public:
  Door(int port, std::string token)
      : url_(fmt::format("http://127.0.0.1:{}", port)), token_(std::move(token)) {}

  // Empty: it does not answer.
  std::string Get(const std::string& path, int* status = nullptr) {
    http::HttpRequest request;
    request.url = url_ + path;
    request.headers = {{"Authorization", "Bearer " + token_}};
    const auto answer = http::Fetch(*client_, request, size_t{256} << 20);
    if (!answer.ok()) return "";
    if (status != nullptr) *status = answer->first.status;
    return answer->second;
  }

 private:
  const std::string url_;
  const std::string token_;
  std::unique_ptr<http::HttpClient> client_ = http::MakeCurlHttpClient();
};

// A route that nobody thought of here is a failure.
void CheckAllAsked(Door& door, const std::vector<Question>& questions) {
  std::set<std::string> known = kNoLists;
  for (const Question& question : questions) known.insert(question.path);
  const Json document = Json::parse(door.Get("/api/v1/openapi.json"));
  for (const auto& [path, verbs] : document["paths"].items()) {
    if (verbs.contains("get") && !known.contains(path)) Fail("no question for the list " + path);
  }
}

void Measure(Door& door, const Coordinator& coordinator, const std::vector<Question>& questions, int rounds) {
  fmt::print("| list | median | longest | its processor time | answer |\n|---|---|---|---|---|\n");
  for (const Question& question : questions) {
    std::vector<double> taken;
    size_t bytes = 0;
    const double used = coordinator.CpuSeconds();
    for (int i = 0; i < rounds; ++i) {
      int status = 0;
      const auto begin = SteadyClock::now();
      const std::string body = door.Get(question.asked, &status);
      taken.push_back(Since(begin) * 1e3);
      if (status != 200) Fail(fmt::format("{}: status {}: {}", question.asked, status, body));
      bytes = body.size();
    }
    std::sort(taken.begin(), taken.end());
    fmt::print("| `{}` | {:.1f} ms | {:.1f} ms | {:.0f} ms | {} kB |\n", DecodePercent(question.asked),
               taken[taken.size() / 2], taken.back(), (coordinator.CpuSeconds() - used) * 1e3 / rounds,
               bytes / 1000);
    fflush(stdout);
  }
}

// Node says the rest; the token opens a session, as the link of a person has.
void MeasurePage(const std::string& script, int port, const std::string& token, int64_t build, int rounds) {
  fflush(stdout);
  const std::string command =
      fmt::format("node '{}' {} 'http://127.0.0.1:{}/?token={}' {}", script, rounds, port, token, build);
  if (system(command.c_str()) != 0) Fail("the page was not painted");
}

}  // namespace
}  // namespace crossmill

int main(int argc, char** argv) {
  using namespace crossmill;
  CLI::App app("Measures the lists of the HTTP API on a large record");
  std::string program;
  std::string folder = "/var/tmp";
  int64_t builds = 100'000;
  int rounds = 21;
  app.add_option("--coordinator", program, "The coordinator's program")->required();
  app.add_option("--builds", builds, "So many builds")->check(CLI::Range(100, 10'000'000));
  app.add_option("--rounds", rounds, "How often each list is asked for")->check(CLI::Range(1, 10'000));
  std::string page;
  app.add_option("--page", page, "web/tests/paint.mjs: measure the page, too")->check(CLI::ExistingFile);
  app.add_option("--folder", folder, "Where the record is made; 600 MB for 100,000 builds");
  CLI11_PARSE(app, argc, argv);
  auto made = TemporaryFolder::Create(folder);
  if (!made.ok()) Fail(made.status().ToString());
  const std::string data = made->Path("data");
  if (mkdir(data.c_str(), 0700) != 0) Fail("cannot make " + data);
  const auto begin = SteadyClock::now();
  const int64_t newest_build = MakeListRecord(data, builds);
  const int64_t wide_build = MakeWideBuild(data);
  fmt::print("making the record: {:.0f} s\n\n", Since(begin));
  const std::string token = MakeToken(program, data);
  const int port = FreePort();
  Coordinator coordinator(program, made->path(), {"--http", fmt::format("127.0.0.1:{}", port)});
  coordinator.Start();
  Door door(port, token);
  WaitUntil("the coordinator's answer", 120, [&] {
    int status = 0;
    door.Get("/readyz", &status);
    return status == 200;
  });
  const std::vector<Question> questions = QuestionsOf(newest_build);
  CheckAllAsked(door, questions);
  Measure(door, coordinator, questions, rounds);
  if (!page.empty()) MeasurePage(page, port, token, wide_build, rounds);
  return 0;
}
