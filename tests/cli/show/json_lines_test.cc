// --progress json.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/commands/app.h"
#include "cli/show/render_json_lines.h"
#include "common/base/files.h"
#include "tests/cli/fake_environment.h"
#include "tests/cli/sample_build.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

v1::BuildEvent Event(int64_t number) {
  v1::BuildEvent event;
  event.set_number(number);
  event.set_time(kSampleStart + number * 1'000'000'000);
  return event;
}

// One event of each kind, as a build would write them.
std::vector<v1::BuildEvent> EventsOfEachKind() {
  const v1::BuildView sample = SampleReport().build;
  std::vector<v1::BuildEvent> events;
  events.push_back(Event(1));
  events.back().mutable_status_changed()->set_status(v1::BUILD_STATUS_PLANNING);
  events.push_back(Event(2));
  events.back().mutable_base_pinned()->set_reference("python:3.11");
  *events.back().mutable_base_pinned()->mutable_platform() = SamplePlatform("arm64");
  events.back().mutable_base_pinned()->set_manifest_digest("sha256:" + Hash('b'));
  events.push_back(Event(3));
  events.back().mutable_remote_fetched()->set_url("https://example.org/a.txt");
  events.back().mutable_remote_fetched()->set_digest("sha256:" + Hash('c'));
  events.back().mutable_remote_fetched()->set_bytes(12);
  events.push_back(Event(4));
  *events.back().mutable_planned()->add_stages() = sample.stages(0);
  events.back().mutable_planned()->add_cells()->set_target_stage(sample.cells(0).target_stage());
  *events.back().mutable_planned()->mutable_cells(0)->mutable_platform() = sample.cells(0).platform();
  events.push_back(Event(5));
  events.back().mutable_step_changed()->set_stage(sample.stages(0).index());
  *events.back().mutable_step_changed()->mutable_step() = sample.stages(0).steps(0);
  events.push_back(Event(6));
  events.back().mutable_stage_changed()->set_stage(sample.stages(0).index());
  events.back().mutable_stage_changed()->set_size_bytes(99);
  events.push_back(Event(7));
  events.back().mutable_notice()->set_warning(true);
  events.back().mutable_notice()->set_text("no worker for linux/s390x");
  events.push_back(Event(8));
  *events.back().mutable_cell_changed()->mutable_cell() = sample.cells(0);
  events.push_back(Event(9));
  events.back().mutable_status_changed()->set_status(v1::BUILD_STATUS_SUCCEEDED);
  events.back().mutable_status_changed()->set_index_digest("sha256:" + Hash('d'));
  return events;
}

v1::WatchedLog Log(int64_t offset, const std::string& data) {
  v1::WatchedLog log;
  log.set_execution(5);
  log.set_offset(offset);
  log.mutable_chunk()->set_step_number(2);
  log.mutable_chunk()->set_time(kSampleStart);
  log.mutable_chunk()->set_stream(v1::LogChunk::STREAM_STDERR);
  log.mutable_chunk()->set_data(data);
  return log;
}

TEST(JsonLinesTest, EveryEventIsOneObject) {
  BuildModel model(12);
  std::string text;
  for (const v1::BuildEvent& event : EventsOfEachKind()) {
    model.Apply(event);
    text += WriteJson(EventLine(event, model)) + "\n";
  }
  text += WriteJson(LogLine(Log(0, "Collecting numpy\n"), model)) + "\n";
  text += WriteJson(LogLine(Log(1, "\xff\n"), model)) + "\n";
  v1::PlanningProgress progress;
  progress.set_what("python:3.11 linux/arm64");
  progress.set_done_bytes(10);
  text += WriteJson(PlanningLine(progress, model, kSampleStart)) + "\n";
  text += WriteJson(NoteLine("note", "context 2 files", kSampleStart)) + "\n";
  text += WriteJson(ResultLine(model, kSampleStart)) + "\n";
  ExpectGolden(kCliGoldens, "progress.jsonl", text);
}

TEST(JsonLinesTest, BytesThatAreNoTextComeAsBase64) {
  const BuildModel model(12);
  const Json text = LogLine(Log(0, "é\n"), model);
  EXPECT_EQ(text["text"], "é\n");
  EXPECT_TRUE(text["base64"].is_null());
  const Json bytes = LogLine(Log(0, "\xff\n"), model);
  EXPECT_EQ(bytes["text"], "\xEF\xBF\xBD\n");
  EXPECT_EQ(bytes["base64"], "/wo=");
}

TEST(JsonLinesTest, WatchWritesLinesAndEndsWithTheResult) {
  FakeCoordinator coordinator;
  FakeEnvironment env(coordinator);
  coordinator.view = SampleReport().build;
  v1::BuildEvent running;
  running.mutable_status_changed()->set_status(v1::BUILD_STATUS_RUNNING);
  v1::BuildEvent step;
  step.mutable_step_changed()->mutable_step()->set_number(2);
  step.mutable_step_changed()->mutable_step()->set_status(v1::STEP_STATUS_RUNNING);
  v1::BuildEvent done;
  done.mutable_status_changed()->set_status(v1::BUILD_STATUS_SUCCEEDED);
  coordinator.events = {running, step, done};
  coordinator.logs = {Log(0, "one\n"), Log(1, "two\n")};
  EXPECT_EQ(RunCrossmill({"watch", "12", "--progress", "json"}, env), 0);
  std::vector<std::string> events;
  std::string err = env.err();
  for (size_t begin = 0; begin < err.size();) {
    const size_t end = err.find('\n', begin);
    ASSERT_NE(end, std::string::npos);
    const auto line = ParseJson(std::string_view(err).substr(begin, end - begin));
    ASSERT_OK(line);
    events.push_back((*line)["event"].get<std::string>());
    begin = end + 1;
  }
  EXPECT_THAT(events, testing::ElementsAre("status_changed", "step_changed", "log", "log", "status_changed",
                                           "result"));
}

TEST(JsonLinesTest, ErrorsAreLinesToo) {
  FakeCoordinator coordinator;
  FakeEnvironment env(coordinator);
  coordinator.submit_error = {grpc::StatusCode::INVALID_ARGUMENT, "Dockerfile:1: bad"};
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  env.variables["XDG_CACHE_HOME"] = folder->Path("cache");
  ASSERT_OK(WriteFileAtomic(folder->Path("Dockerfile"), "FROM scratch\n"));
  EXPECT_EQ(RunCrossmill({"build", folder->Path(""), "--progress", "json"}, env), 1);
  const std::string err = env.err();
  const size_t last = err.rfind('\n', err.size() - 2);
  const auto line = ParseJson(std::string_view(err).substr(last == std::string::npos ? 0 : last + 1));
  ASSERT_OK(line);
  EXPECT_EQ((*line)["event"], "error");
  EXPECT_EQ((*line)["error"]["code"], "invalid_argument");
}

}  // namespace
}  // namespace crossmill::cli
