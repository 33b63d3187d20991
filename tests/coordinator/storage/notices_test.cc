#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/storage/drain_records.h"
#include "coordinator/storage/migrations.h"
#include "coordinator/storage/notices/state_records.h"
#include "coordinator/storage/notices/webhook_records.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NoticesTest : public ::testing::Test {
 protected:
  // A build of `tag` that ended so on these platforms; its number.
  int64_t End(const std::string& tag, v1::BuildStatus status, int64_t finished_at,
              const std::vector<std::string>& platforms = {"linux/amd64"}) {
    v1::BuildSubmission submission;
    submission.mutable_options()->add_tags(tag);
    return End(submission, status, finished_at, platforms);
  }
  int64_t EndOf(const std::string& origin, v1::BuildStatus status, int64_t finished_at) {
    v1::BuildSubmission submission;
    submission.mutable_recipe()->set_context_origin(origin);
    return End(submission, status, finished_at, {"linux/amd64"});
  }
  int64_t End(v1::BuildSubmission submission, v1::BuildStatus status, int64_t finished_at,
              const std::vector<std::string>& platforms) {
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    const auto id = records_->InsertBuild(submission, "", "", finished_at - 1);
    EXPECT_OK(id);
    v1::BuildView view = records_->LoadView(*id).value();
    view.set_status(status);
    view.set_finished_at(finished_at);
    for (const std::string& platform : platforms) {
      v1::CellView& cell = *view.add_cells();
      *cell.mutable_platform() = *ParsePlatform(platform);
      cell.set_status(status);
    }
    EXPECT_OK(records_->SaveView(*id, view));
    // Once more changes nothing.
    EXPECT_OK(records_->SaveView(*id, view));
    return *id;
  }
  std::vector<int64_t> Changes(const std::string& name = "", const std::string& platform = "",
                               int64_t before = 0, int limit = 100) {
    std::vector<int64_t> builds;
    const std::vector<v1::StateChange> changes = states_.Changes(name, platform, before, limit).value();
    for (const v1::StateChange& change : changes) builds.push_back(change.build_id());
    return builds;
  }
  int64_t AddHook(const std::string& names) {
    v1::Webhook webhook;
    webhook.set_url("https://example.org/" + names);
    webhook.set_names(names);
    webhook.set_created_at(1);
    return webhooks_.Add(webhook, "whsec_x")->id();
  }

  std::unique_ptr<RecordStore> records_ = *RecordStore::Open(":memory:");
  StateRecords states_{records_->connection()};
  WebhookRecords webhooks_{records_->connection()};
};

TEST_F(NoticesTest, ChangesAreTheNewestFirstByNameAndPlatform) {
  const int64_t one = End("app:1", v1::BUILD_STATUS_SUCCEEDED, 10, {"linux/amd64", "linux/arm64"});
  End("app:2", v1::BUILD_STATUS_SUCCEEDED, 20, {"linux/amd64", "linux/arm64"});
  const int64_t three = End("app:3", v1::BUILD_STATUS_FAILED, 30, {"linux/arm64"});
  const int64_t other = End("other", v1::BUILD_STATUS_FAILED, 40);
  EXPECT_THAT(Changes(), ElementsAre(other, three, one, one));
  EXPECT_THAT(Changes("app"), ElementsAre(three, one, one));
  EXPECT_THAT(Changes("app", "linux/amd64"), ElementsAre(one));
  EXPECT_THAT(Changes("", "linux/arm64"), ElementsAre(three, one));
  EXPECT_THAT(Changes("none"), IsEmpty());
  const auto page = states_.Changes("", "", 0, 2);
  ASSERT_OK(page);
  EXPECT_THAT(Changes("", "", page->back().id()), ElementsAre(one, one));
}

TEST_F(NoticesTest, StatesAreByNameAndPlatform) {
  End("b/app", v1::BUILD_STATUS_SUCCEEDED, 10, {"linux/amd64", "linux/arm64"});
  const int64_t two = End("a", v1::BUILD_STATUS_FAILED, 20);
  const auto all = states_.States("", "", {}, 100);
  ASSERT_OK(all);
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[0].name(), "a");
  EXPECT_EQ((*all)[0].status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ((*all)[0].status_build(), two);
  EXPECT_EQ((*all)[0].status_since(), 20);
  EXPECT_EQ(FormatPlatform((*all)[2].platform()), "linux/arm64");
  EXPECT_EQ(states_.States("b/app", "", {}, 100)->size(), 2u);
  EXPECT_EQ(states_.States("b/app", "linux/arm64", {}, 100)->size(), 1u);
  EXPECT_EQ(states_.States("", "", {"b/app", "linux/amd64", "default"}, 100)->size(), 1u);
  EXPECT_EQ(states_.States("b/app", "", {"b/app", "linux/amd64", "default"}, 100)->size(), 1u);
  EXPECT_EQ(states_.States("", "", {"b/app", "linux/arm64", "default"}, 100)->size(), 0u);
}

TEST_F(NoticesTest, RepositoriesAreTheirOwnNames) {
  const int64_t app = EndOf("git@github.com:team/app.git", v1::BUILD_STATUS_SUCCEEDED, 10);
  const int64_t other = EndOf("git@github.com:team/other.git", v1::BUILD_STATUS_FAILED, 20);
  const int64_t api = EndOf("https://host/mono.git#:api", v1::BUILD_STATUS_SUCCEEDED, 30);
  const int64_t web = EndOf("https://host/mono.git#:web", v1::BUILD_STATUS_FAILED, 40);
  EXPECT_THAT(Changes("git@github.com:team/app.git"), ElementsAre(app));
  EXPECT_THAT(Changes("git@github.com:team/other.git"), ElementsAre(other));
  EXPECT_THAT(Changes("https://host/mono.git#:api"), ElementsAre(api));
  EXPECT_THAT(Changes("https://host/mono.git#:web"), ElementsAre(web));
  EXPECT_THAT(Changes("git"), IsEmpty());
  const auto states = states_.States("https://host/mono.git#:web", "", {}, 10);
  ASSERT_OK(states);
  ASSERT_EQ(states->size(), 1u);
  EXPECT_EQ(states->front().status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(states_.States("git@github.com:team/none.git", "", {}, 10)->size(), 0u);
}

TEST_F(NoticesTest, AnImageIsAskedForWithTagAndDockersAdditions) {
  const int64_t app = End("team/app:1", v1::BUILD_STATUS_SUCCEEDED, 10);
  const int64_t folder = EndOf("app:2", v1::BUILD_STATUS_FAILED, 20);
  EXPECT_THAT(Changes("docker.io/team/app:7"), ElementsAre(app));
  EXPECT_EQ(states_.States("team/app@sha256:ab", "", {}, 10)->size(), 1u);
  EXPECT_THAT(Changes("app:2"), ElementsAre(folder)) << "a name that there is means itself";
  EXPECT_THAT(Changes("app:3"), IsEmpty());
  EXPECT_THAT(Changes(":1"), IsEmpty()) << "not all names";
  EXPECT_EQ(states_.States("@team", "", {}, 10)->size(), 0u);
}

TEST_F(NoticesTest, AFarmIsKnownByTheSameIdForEver) {
  const auto farm = states_.Identity();
  ASSERT_OK(farm);
  EXPECT_EQ(farm->id.size(), 16u);
  EXPECT_EQ(farm->since.size(), 10u);
  EXPECT_EQ(states_.Identity()->id, farm->id);
}

TEST_F(NoticesTest, NamesOfTwoProjectsHaveStatesOfTheirOwn) {
  const auto end = [this](const std::string& project, v1::BuildStatus status, int64_t finished_at) {
    v1::BuildSubmission submission;
    submission.set_project(project);
    submission.mutable_options()->add_tags("app:1");
    return End(submission, status, finished_at, {"linux/amd64"});
  };
  const int64_t everybody = end("", v1::BUILD_STATUS_SUCCEEDED, 10);
  const int64_t shop = end("shop", v1::BUILD_STATUS_FAILED, 20);
  const auto told = [this](const core::Scope& scope) {
    std::vector<int64_t> builds;
    for (const v1::NameState& state : states_.States("app", "", {}, 10, scope).value())
      builds.push_back(state.status_build());
    const auto changes = states_.Changes("app", "", 0, 10, scope).value();
    for (const v1::StateChange& change : changes) builds.push_back(change.build_id());
    return builds;
  };
  EXPECT_THAT(told(core::Scope::OfProject("")), ElementsAre(everybody, everybody));
  EXPECT_THAT(told(core::Scope::OfProject("shop")), ElementsAre(shop, shop));
  EXPECT_THAT(told(core::Scope::OfProject("bank")), IsEmpty());
  EXPECT_THAT(told(core::Scope::OfFarm()), ElementsAre(everybody, shop, shop, everybody));
  // Page by page nothing is lost between two projects.
  const auto first = states_.States("", "", {}, 1).value().front();
  EXPECT_EQ(first.project(), "");
  const auto second = states_.States("", "", {"app", "linux/amd64", "default"}, 1).value().front();
  EXPECT_EQ(second.project(), "shop");
}

TEST_F(NoticesTest, AnOlderRecordIsFilledWithTheSame) {
  End("app", v1::BUILD_STATUS_SUCCEEDED, 10);
  End("app", v1::BUILD_STATUS_FAILED, 20);
  End("app", v1::BUILD_STATUS_FAILED, 30);
  EndOf("git@host:team/app.git", v1::BUILD_STATUS_SUCCEEDED, 40);
  EndOf("git@host:team/other.git", v1::BUILD_STATUS_FAILED, 50);
  const auto changes = states_.Changes("", "", 0, 10);
  ASSERT_OK(changes);
  auto database = Database::Open(":memory:");
  ASSERT_OK(database);
  std::vector<Migration> before = RecordMigrations();
  const auto notices = std::find_if(before.begin(), before.end(), [](const Migration& migration) {
    return std::string_view(migration.name).ends_with("_notices.sql");
  });
  ASSERT_NE(notices, before.end());
  EXPECT_NE(notices->fill, nullptr);
  before.erase(notices, before.end());
  ASSERT_OK(Migrate(*database, ":memory:", before));
  for (int64_t id = 1; id <= 5; ++id) {
    constexpr Sql kCopy{"copy a build",
                        "INSERT INTO builds (id, submission_digest, submission, submitted_at, view, status) "
                        "VALUES (?1, '', ?2, 0, ?3, ?4)"};
    const v1::BuildView view = *records_->LoadView(id);
    auto statement = database->Prepare(kCopy);
    ASSERT_OK(statement);
    const std::string submission = records_->LoadSubmission(id)->SerializeAsString();
    const std::string bytes = view.SerializeAsString();
    statement->Bind(id, Blob{submission}, Blob{bytes}, static_cast<int>(view.status()));
    ASSERT_OK(statement->Run());
  }
  ASSERT_OK(Migrate(*database, ":memory:", RecordMigrations()));
  Connection connection(*std::move(database));
  const auto filled = StateRecords(connection).Changes("", "", 0, 10);
  ASSERT_OK(filled);
  ASSERT_EQ(filled->size(), changes->size());
  for (size_t i = 0; i < filled->size(); ++i)
    EXPECT_EQ((*filled)[i].SerializeAsString(), (*changes)[i].SerializeAsString());
  for (const char* name : {"app", "git@host:team/app.git", "git@host:team/other.git"}) {
    const auto states = StateRecords(connection).States(name, "", {}, 10);
    ASSERT_OK(states);
    ASSERT_EQ(states->size(), 1u) << name;
    EXPECT_EQ(states->front().SerializeAsString(),
              states_.States(name, "", {}, 10)->front().SerializeAsString());
  }
}

TEST_F(NoticesTest, WebhooksAreToldOfTheNamesTheyWantInTheTransactionOfTheChange) {
  const int64_t all = AddHook("");
  const int64_t team = AddHook("team/*");
  End("app", v1::BUILD_STATUS_SUCCEEDED, 10);
  End("team/app", v1::BUILD_STATUS_SUCCEEDED, 20);
  End("team/app", v1::BUILD_STATUS_SUCCEEDED, 30);
  EXPECT_EQ(webhooks_.Deliveries(all, 0, 10)->size(), 2u);
  const auto deliveries = webhooks_.Deliveries(team, 0, 10);
  ASSERT_OK(deliveries);
  ASSERT_EQ(deliveries->size(), 1u);
  EXPECT_EQ((*deliveries)[0].change().name(), "team/app");
  EXPECT_GT((*deliveries)[0].change().id(), 0);
  EXPECT_EQ((*deliveries)[0].state(), v1::WebhookDelivery::STATE_PENDING);
  EXPECT_EQ(webhooks_.List()->at(0).pending(), 2);
  // Of each webhook the oldest.
  const auto due = webhooks_.Due(100);
  ASSERT_OK(due);
  ASSERT_EQ(due->size(), 2u);
  EXPECT_THAT(webhooks_.Due(5).value(), IsEmpty());
}

TEST_F(NoticesTest, ADeliveryIsDueUntilItIsDeliveredOrGivenUp) {
  const int64_t hook = AddHook("");
  End("app", v1::BUILD_STATUS_SUCCEEDED, 10);
  const int64_t delivery = webhooks_.Due(100)->at(0).id;
  ASSERT_OK(webhooks_.NoteAttempt(delivery, {v1::WebhookDelivery::STATE_PENDING, 100, 200, 500, "no"}));
  EXPECT_THAT(webhooks_.Due(199).value(), IsEmpty());
  EXPECT_EQ(webhooks_.Due(200)->at(0).attempts, 1);
  ASSERT_OK(webhooks_.NoteAttempt(delivery, {v1::WebhookDelivery::STATE_FAILED, 200, 0, 500, "no"}));
  EXPECT_THAT(webhooks_.Due(1000).value(), IsEmpty());
  EXPECT_EQ(webhooks_.List()->at(0).failed(), 1);
  const v1::WebhookDelivery failed = webhooks_.Deliveries(hook, 0, 10)->at(0);
  EXPECT_EQ(failed.attempts(), 2u);
  EXPECT_EQ(failed.status(), 500);
  EXPECT_EQ(failed.problem(), "no");
  ASSERT_OK(webhooks_.Redeliver(delivery, 300));
  EXPECT_EQ(webhooks_.Due(300)->at(0).attempts, 0);
  EXPECT_TRUE(absl::IsNotFound(webhooks_.Redeliver(4711, 300)));
}

TEST_F(NoticesTest, OneIsRemovedWithItsDeliveriesAndThereAreOnlySoMany) {
  const int64_t hook = AddHook("");
  End("app", v1::BUILD_STATUS_SUCCEEDED, 10);
  ASSERT_OK(webhooks_.Remove(hook));
  EXPECT_TRUE(absl::IsNotFound(webhooks_.Remove(hook)));
  EXPECT_TRUE(absl::IsNotFound(webhooks_.Deliveries(hook, 0, 10).status()));
  EXPECT_THAT(webhooks_.Due(100).value(), IsEmpty());
  for (int i = 0; i < WebhookRecords::kMostWebhooks; ++i) AddHook("x");
  EXPECT_TRUE(absl::IsResourceExhausted(webhooks_.Add({}, "whsec_x").status()));
}

TEST_F(NoticesTest, TheNewestDeliveriesAreKept) {
  const int64_t hook = AddHook("");
  ASSERT_OK(records_->Transact([&] {
    for (int i = 0; i < WebhookRecords::kMostDeliveries + 5; ++i) {
      End("app", i % 2 == 0 ? v1::BUILD_STATUS_SUCCEEDED : v1::BUILD_STATUS_FAILED, 10 + i);
    }
    return absl::OkStatus();
  }));
  const auto kept = webhooks_.Deliveries(hook, 0, 2000);
  ASSERT_OK(kept);
  EXPECT_EQ(kept->size(), static_cast<size_t>(WebhookRecords::kMostDeliveries));
  EXPECT_EQ(kept->back().change().build_id(), 6);
}

TEST(DrainRecordsTest, NamesUntilTheyAreTakenBack) {
  const auto records = *RecordStore::Open(":memory:");
  DrainRecords drained(records->connection());
  ASSERT_OK(drained.Set("w2", true, 1));
  ASSERT_OK(drained.Set("w1", true, 2));
  ASSERT_OK(drained.Set("w1", true, 3));
  core::DrainedWorkers both;
  ASSERT_OK(drained.Restore(both));
  EXPECT_TRUE(both.Contains("w1"));
  EXPECT_TRUE(both.Contains("w2"));
  ASSERT_OK(drained.Set("w2", false, 4));
  ASSERT_OK(drained.Set("w9", false, 5));
  core::DrainedWorkers one;
  ASSERT_OK(drained.Restore(one));
  EXPECT_TRUE(one.Contains("w1"));
  EXPECT_FALSE(one.Contains("w2"));
}

TEST(DrainRecordsTest, WhoIsCordonedAgainTakesNoMore) {
  const auto records = *RecordStore::Open(":memory:");
  DrainRecords cordoned(records->connection());
  ASSERT_OK(cordoned.SetCordoned("w1", 7, 1));
  ASSERT_OK(cordoned.SetCordoned("w1", 9, 2));
  ASSERT_OK(cordoned.SetCordoned("w2", 8, 3));
  ASSERT_OK(cordoned.SetCordoned("w2", std::nullopt, 4));
  core::DrainedWorkers workers;
  ASSERT_OK(cordoned.Restore(workers));
  EXPECT_EQ(workers.CordonedAfter("w1"), 7);
  EXPECT_EQ(workers.CordonedAfter("w2"), std::nullopt);
  EXPECT_FALSE(workers.GetsNone("w1"));
}

}  // namespace
}  // namespace crossmill::storage
