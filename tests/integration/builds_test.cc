// A client's view of the farm: submit, watch, logs, list, cancel.
#include <gmock/gmock.h>

#include <map>

#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "tests/integration/test_farm.h"

namespace crossmill {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class BuildsTest : public FarmTest {
 protected:
  v1::ListBuildsResponse List(int page_size, const std::string& token) {
    grpc::ClientContext context;
    v1::ListBuildsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    v1::ListBuildsResponse response;
    EXPECT_OK(rpc::FromGrpc(builds_->ListBuilds(&context, request, &response)));
    return response;
  }
  // The text of an execution's console; calls `on_chunk` for each piece as it comes.
  std::string ReadLog(int64_t execution, bool follow,
                      const std::function<void(const std::string& so_far)>& on_chunk = nullptr) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    v1::ReadLogRequest request;
    request.set_execution(execution);
    request.set_follow(follow);
    const auto reader = builds_->ReadLog(&context, request);
    std::string text;
    v1::ReadLogResponse response;
    while (reader->Read(&response)) {
      text += response.chunk().data();
      if (on_chunk) on_chunk(text);
    }
    EXPECT_OK(rpc::FromGrpc(reader->Finish()));
    return text;
  }
};

TEST_F(BuildsTest, BuildRunsToItsImageAndTheNextOneIsCached) {
  const auto worker = NewWorker("w1");
  const std::string dockerfile =
      "FROM scratch\nCOPY app.py /srv/\nRUN see srv/app.py\nENV A=b\nRUN write two\n";
  const auto submission = Submission(dockerfile, {{"app.py", "print()"}, {"sub/other", "x"}});
  const v1::BuildView first = WaitForEnd(Submit(submission));
  ASSERT_EQ(first.status(), v1::BUILD_STATUS_SUCCEEDED) << first.message();
  EXPECT_THAT(script_.Begun(), ElementsAre("w1: see srv/app.py", "w1: write two"));
  EXPECT_FALSE(first.index_digest().empty());
  ASSERT_EQ(first.cells_size(), 1);
  EXPECT_TRUE(blobs_->Has(FromProto(first.cells(0).image_manifest())))
      << "the image can be read from the blob store";
  const v1::BuildView second = WaitForEnd(Submit(submission));
  EXPECT_EQ(second.index_digest(), first.index_digest());
  EXPECT_EQ(script_.Begun().size(), 2u) << "nothing ran again";
}

TEST_F(BuildsTest, ExportsFeedTheStageThatCopies) {
  const auto worker = NewWorker("w1");
  const v1::BuildView view = WaitForEnd(
      Submit("FROM scratch AS a\nRUN write one\nFROM scratch\nCOPY --from=a /one /two\nRUN see two\n"));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
}

TEST_F(BuildsTest, FailingStepIsNamedWithItsLineAndItsConsole) {
  const auto worker = NewWorker("w1");
  const v1::BuildView view = WaitForEnd(Submit("FROM scratch\nRUN write one\nRUN fail 3\nRUN write two\n"));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("Dockerfile:3"));
  EXPECT_THAT(view.message(), HasSubstr("exit code 3"));
  EXPECT_EQ(view.stages(0).steps(1).exit_code(), 3);
  EXPECT_THAT(ReadLog(view.stages(0).steps(1).execution(), false), HasSubstr("failing\n"));
  EXPECT_THAT(script_.Begun(), Not(Contains("w1: write two")));
}

TEST_F(BuildsTest, ErrorsOfTheRecipeAndOfTheContextComeBackFromSubmit) {
  const absl::Status recipe = TrySubmit(Submission("FROM scratch\nRNU one\n")).status();
  EXPECT_TRUE(absl::IsInvalidArgument(recipe)) << recipe;
  EXPECT_THAT(std::string(Sv(recipe.message())), HasSubstr("Dockerfile:2:"));
  v1::BuildSubmission submission = Submission("FROM scratch\n");
  ToProto(DigestOf("never sent"), submission.mutable_recipe()->mutable_context_root());
  EXPECT_TRUE(absl::IsFailedPrecondition(TrySubmit(submission).status()));
  EXPECT_THAT(List(10, "").builds(), IsEmpty());
}

TEST_F(BuildsTest, WatchResumedAtAnyEventHasNoGapAndNoRepetition) {
  const auto worker = NewWorker("w1");
  const int64_t build = Submit("FROM scratch\nRUN write one\nRUN hold two\nRUN write three\n");
  // Cut off in the middle of the build, again and again, each time resumed after the last event.
  std::vector<v1::BuildEvent> seen;
  for (int piece = 0; piece < 3; ++piece) {
    const int64_t next = static_cast<int64_t>(seen.size()) + 1;
    const WatchedBuild watched = Watch(build, next, false, [](const auto&) { return true; });
    ASSERT_EQ(watched.events.size(), 1u);
    seen.push_back(watched.events[0]);
  }
  ASSERT_TRUE(script_.HasBegun("w1: hold two"));
  std::jthread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    script_.Open("two");
  });
  const WatchedBuild rest = Watch(build, 4, false);
  EXPECT_OK(rest.status);
  seen.insert(seen.end(), rest.events.begin(), rest.events.end());
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].number(), static_cast<int64_t>(i) + 1);
  EXPECT_EQ(seen.back().status_changed().status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(seen.back().number(), Get(build).last_event());
  // The same once it is over, from the record.
  for (int64_t from : {0, 1, 5, static_cast<int>(seen.size())}) {
    const WatchedBuild again = Watch(build, from, false);
    EXPECT_OK(again.status);
    const size_t skipped = from == 0 ? 0 : static_cast<size_t>(from) - 1;
    ASSERT_EQ(again.events.size(), seen.size() - skipped) << from;
    for (size_t i = 0; i < again.events.size(); ++i) {
      EXPECT_EQ(again.events[i].SerializeAsString(), seen[i + skipped].SerializeAsString());
    }
  }
  EXPECT_THAT(Watch(build, static_cast<int64_t>(seen.size()) + 1, false).events, IsEmpty());
}

TEST_F(BuildsTest, WatcherOfLogsHasAllOfTheConsoleWheneverItComes) {
  const auto worker = NewWorker("w1");
  const int64_t build = Submit("FROM scratch\nRUN hold one\nRUN hold two\n");
  const auto text = [](const WatchedBuild& watched) {
    std::map<int64_t, std::string> consoles;
    std::map<int64_t, int64_t> next;
    for (const v1::WatchedLog& log : watched.logs) {
      EXPECT_EQ(log.offset(), next[log.execution()]++);
      consoles[log.execution()] += log.chunk().data();
    }
    std::string all;
    for (const auto& [execution, console] : consoles) all += console;
    return all;
  };
  WatchedBuild early;
  std::jthread watching([&] { early = Watch(build, 1, true); });
  ASSERT_TRUE(script_.HasBegun("w1: hold one"));
  script_.Open("one");
  ASSERT_TRUE(script_.HasBegun("w1: hold two"));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  // While the second step runs: a new watcher is given its console from the beginning.
  const WatchedBuild late = Watch(build, 1, true, [&](const v1::WatchBuildResponse& item) {
    if (item.log().chunk().data().find("two begins") != std::string::npos) script_.Open("two");
    return item.log().chunk().data().find("two ends") != std::string::npos;
  });
  EXPECT_EQ(text(late), "two begins\ntwo ends\n");
  watching.join();
  EXPECT_EQ(text(early), "one begins\none ends\ntwo begins\ntwo ends\n");
}

TEST_F(BuildsTest, LogIsFollowedToTheEndOfTheStep) {
  const auto worker = NewWorker("w1");
  const int64_t build = Submit("FROM scratch\nRUN hold one\n");
  ASSERT_TRUE(StepBecomes(build, 0, 0, v1::STEP_STATUS_RUNNING));
  const int64_t execution = Get(build).stages(0).steps(0).execution();
  ASSERT_TRUE(Eventually([&] { return !ReadLog(execution, false).empty(); }));
  EXPECT_EQ(ReadLog(execution, false), "one begins\n") << "without following, what there is";
  const std::string text = ReadLog(execution, true, [&](const std::string& so_far) {
    if (so_far == "one begins\n") script_.Open("one");
  });
  EXPECT_EQ(text, "one begins\none ends\n");
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(ReadLog(execution, true), text) << "following what is over ends at once";
  grpc::ClientContext context;
  v1::ReadLogRequest unknown;
  unknown.set_execution(4711);
  EXPECT_TRUE(absl::IsNotFound(rpc::FromGrpc(builds_->ReadLog(&context, unknown)->Finish())));
}

TEST_F(BuildsTest, ListGoesThroughAllPagesNewestFirst) {
  const auto worker = NewWorker("w1");
  std::vector<int64_t> submitted;
  for (int i = 0; i < 7; ++i)
    submitted.insert(submitted.begin(), Submit(fmt::format("FROM scratch\nRUN write f{}\n", i)));
  std::vector<int64_t> listed;
  std::string token;
  std::vector<int> pages;
  do {
    const v1::ListBuildsResponse page = List(3, token);
    pages.push_back(page.builds_size());
    for (const v1::BuildView& build : page.builds()) {
      listed.push_back(build.id());
      EXPECT_EQ(build.stages_size(), 0);
    }
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_EQ(listed, submitted);
  EXPECT_THAT(pages, ElementsAre(3, 3, 1));
  grpc::ClientContext context;
  v1::ListBuildsRequest request;
  request.set_page_token("7 and more");
  v1::ListBuildsResponse response;
  EXPECT_TRUE(absl::IsInvalidArgument(rpc::FromGrpc(builds_->ListBuilds(&context, request, &response))));
  for (int64_t build : submitted) EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(BuildsTest, CancelEndsTheRunningStepAndFreesTheWorker) {
  const auto worker = NewWorker("w1");
  const int64_t build = Submit("FROM scratch\nRUN hold forever\nRUN write two\n");
  ASSERT_TRUE(StepBecomes(build, 0, 0, v1::STEP_STATUS_RUNNING));
  ASSERT_OK(Cancel(build));
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_CANCELLED);
  EXPECT_EQ(view.stages(0).steps(0).status(), v1::STEP_STATUS_CANCELLED);
  EXPECT_OK(Cancel(build));  // once more changes nothing
  // The gate was never opened: the step ended because it was stopped, and its slot is free.
  const auto farm = v1::Farm::NewStub(channel_);
  EXPECT_TRUE(Eventually([&] {
    grpc::ClientContext context;
    v1::ListWorkersResponse workers;
    return farm->ListWorkers(&context, {}, &workers).ok() && workers.workers_size() == 1 &&
           workers.workers(0).slots_used() == 0;
  }));
  EXPECT_EQ(WaitForEnd(Submit("FROM scratch\nRUN write other\n")).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_THAT(script_.Begun(), Not(Contains("w1: write two")));
  grpc::ClientContext context;
  v1::CancelBuildRequest unknown;
  unknown.set_build_id(4711);
  v1::CancelBuildResponse response;
  EXPECT_TRUE(absl::IsNotFound(rpc::FromGrpc(builds_->CancelBuild(&context, unknown, &response))));
}

TEST_F(BuildsTest, SameIdempotencyKeyIsTheSameBuildAlsoAfterARestart) {
  const v1::BuildSubmission submission = Submission("FROM scratch\nRUN write one\n");
  const auto first = TrySubmit(submission, "key");
  ASSERT_OK(first);
  EXPECT_FALSE(first->existing());
  const auto second = TrySubmit(submission, "key");
  ASSERT_OK(second);
  EXPECT_EQ(second->build_id(), first->build_id());
  EXPECT_TRUE(second->existing());
  StopServer();
  StartServer();
  EXPECT_EQ(Submit(submission, "key"), first->build_id());
  EXPECT_NE(Submit(submission, "other key"), first->build_id());
  EXPECT_TRUE(absl::IsAlreadyExists(TrySubmit(Submission("FROM scratch\nRUN write two\n"), "key").status()));
}

TEST_F(BuildsTest, TwoHostsThatAgreeMakeItReproducible) {
  const auto one = NewWorker("w1", "host-a");
  const auto two = NewWorker("w2", "host-b");
  v1::BuildSubmission submission = Submission("FROM scratch\nRUN write one\nRUN write two\n");
  submission.mutable_options()->set_verify(2);
  const v1::BuildView view = WaitForEnd(Submit(submission));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_REPRODUCIBLE)
      << view.cells(0).comparison().reason();
  EXPECT_EQ(script_.Begun().size(), 4u);
}

TEST_F(BuildsTest, TwoHostsThatDifferNameStepAndPath) {
  const auto one = NewWorker("w1", "host-a");
  const auto two = NewWorker("w2", "host-b");
  v1::BuildSubmission submission = Submission("FROM scratch\nRUN write one\nRUN sign two\nRUN write three\n");
  submission.mutable_options()->set_verify(2);
  const v1::BuildView view = WaitForEnd(Submit(submission));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  const v1::CellComparison& comparison = view.cells(0).comparison();
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_UNREPRODUCIBLE);
  ASSERT_EQ(comparison.steps_size(), 3);
  EXPECT_TRUE(comparison.steps(0).agrees());
  EXPECT_FALSE(comparison.steps(1).agrees());
  EXPECT_TRUE(comparison.steps(2).agrees()) << "judged alone, on the first's layers";
  ASSERT_EQ(comparison.steps(1).differences_size(), 1);
  EXPECT_EQ(comparison.steps(1).differences(0).path(), "two");
}

TEST_F(BuildsTest, EventsThatComeTogetherAreToldOnceAndInOrder) {
  const auto worker = NewWorker("w1");
  std::string dockerfile = "FROM scratch\n";
  for (int i = 0; i < 40; ++i) dockerfile += fmt::format("RUN write {}\n", i);
  const int64_t build = Submit(dockerfile);
  const auto watch = [&](int64_t from) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    v1::WatchBuildRequest request;
    request.set_build_id(build);
    request.set_from_event(from);
    request.set_logs(true);
    request.set_together(true);
    const auto reader = builds_->WatchBuild(&context, request);
    v1::WatchBuildResponse response;
    std::pair<int64_t, int> told = {from - 1, 0};
    while (reader->Read(&response)) {
      EXPECT_FALSE(response.has_event());
      if (response.has_events()) ++told.second;
      for (const v1::BuildEvent& event : response.events().events()) EXPECT_EQ(event.number(), ++told.first);
    }
    EXPECT_OK(rpc::FromGrpc(reader->Finish()));
    return told;
  };
  const int64_t last = watch(1).first;
  EXPECT_EQ(last, Get(build).last_event());
  EXPECT_GT(last, 80);
  // Of what has ended pages are told at once.
  EXPECT_EQ(watch(1), std::pair(last, static_cast<int>((last + 127) / 128)));
  EXPECT_EQ(watch(last), std::pair(last, 1));
  EXPECT_EQ(watch(last + 1), std::pair(last, 0));
}

TEST_F(BuildsTest, WhoFollowsTheFarmIsToldOfBuildsAndWorkers) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  const auto reader = v1::Overview::NewStub(channel_)->WatchFarm(&context, v1::WatchFarmRequest());
  v1::FarmNews news;
  ASSERT_TRUE(reader->Read(&news));
  EXPECT_TRUE(news.reset());
  const auto worker = NewWorker("w1");
  bool workers = false;
  while (!workers && reader->Read(&news)) workers = news.workers();
  EXPECT_TRUE(workers);
  const int64_t build = Submit("FROM scratch\nRUN write one\n");
  v1::BuildView told;
  while (told.status() != v1::BUILD_STATUS_SUCCEEDED && reader->Read(&news)) {
    EXPECT_FALSE(news.reset());
    for (const v1::BuildView& view : news.builds()) {
      EXPECT_EQ(view.id(), build);
      EXPECT_EQ(view.stages_size(), 0);
      told = view;
    }
  }
  // What was told is what lists say then: the end is on record before anybody hears of it.
  EXPECT_EQ(told.SerializeAsString(), List(1, "").builds(0).SerializeAsString());
  context.TryCancel();
}

}  // namespace
}  // namespace crossmill
