#include "coordinator/people/people.h"

#include <gtest/gtest.h>

#include <map>

#include "common/base/digest.h"
#include "coordinator/people/project_settings.h"
#include "coordinator/people/token_text.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/people/people_records.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

v1::Token Token(const std::string& name, v1::Access role, const std::string& project = "") {
  v1::Token token;
  token.set_name(name);
  token.set_role(role);
  token.set_project(project);
  return token;
}

class PeopleTest : public ::testing::Test {
 protected:
  PeopleTest()
      : connection_(storage::Connection::Open(":memory:").value()),
        records_(*connection_),
        people_(People::Open(records_, clock_).value()) {}

  // What the record says: of a coordinator that is started again.
  void Restart() { people_ = People::Open(records_, clock_).value(); }
  bool Knows(const std::string& secret) { return people_->FindToken(Sha256Hex(secret)).has_value(); }

  FakeClock clock_;
  std::unique_ptr<storage::Connection> connection_;
  storage::PeopleRecords records_;
  std::unique_ptr<People> people_;
};

TEST_F(PeopleTest, AFarmHasTheProjectDefaultWhichStays) {
  const auto projects = people_->Projects();
  ASSERT_EQ(projects.size(), 1u);
  EXPECT_EQ(projects[0].name(), "default");
  EXPECT_EQ(people_->RemoveProject("default").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(PeopleTest, ATokenIsGoodAtOnceAndAfterARestartAndOnlyItsHashIsKept) {
  ASSERT_OK(people_->CreateProject("shop"));
  v1::Token wanted = Token("ci", v1::ACCESS_SUBMIT, "shop");
  wanted.add_pushes("registry.example/shop/*");
  const auto made = people_->CreateToken(wanted);
  ASSERT_OK(made);
  EXPECT_TRUE(IsTokenText(made->secret()));
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    const auto found = people_->FindToken(Sha256Hex(made->secret()));
    ASSERT_TRUE(found.has_value()) << restarted;
    EXPECT_EQ(found->name(), "ci");
    EXPECT_EQ(found->project(), "shop");
    EXPECT_EQ(found->role(), v1::ACCESS_SUBMIT);
    ASSERT_EQ(found->pushes_size(), 1);
    EXPECT_EQ(found->pushes(0), "registry.example/shop/*");
    EXPECT_EQ(found->expires_at(), 0);
  }
  const std::vector<storage::TokenRow> rows = records_.Tokens().value();
  ASSERT_EQ(rows.size(), 1u);
  for (const storage::TokenRow& row : rows) {
    EXPECT_EQ(row.hash, Sha256Hex(made->secret()));
    EXPECT_EQ(row.token.SerializeAsString().find(made->secret().substr(6)), std::string::npos);
  }
  EXPECT_FALSE(Knows(made->secret() + "x"));
}

TEST_F(PeopleTest, ARevokedTokenIsWorthNothingNowAndLater) {
  const std::string kept = people_->CreateToken(Token("anna", v1::ACCESS_READ))->secret();
  const std::string lost = people_->CreateToken(Token("ben", v1::ACCESS_READ))->secret();
  const std::string also = people_->CreateToken(Token("ben", v1::ACCESS_SUBMIT))->secret();
  EXPECT_EQ(people_->RevokeToken("carl").status().code(), absl::StatusCode::kNotFound);
  const auto revoked = people_->RevokeToken("ben");
  ASSERT_OK(revoked);
  EXPECT_EQ(revoked->size(), 2u);
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    EXPECT_TRUE(Knows(kept));
    EXPECT_FALSE(Knows(lost));
    EXPECT_FALSE(Knows(also));
  }
  // By its number; and nothing is revoked twice.
  EXPECT_EQ(people_->RevokeToken("2").status().code(), absl::StatusCode::kNotFound);
  EXPECT_OK(people_->RevokeToken("1"));
  EXPECT_FALSE(Knows(kept));
}

TEST_F(PeopleTest, ATokenExpiresByTheClockOfTheFarm) {
  v1::Token wanted = Token("ci", v1::ACCESS_READ);
  wanted.set_expires_at(UnixNanos(clock_.Now() + absl::Hours(1)));
  const std::string secret = people_->CreateToken(wanted)->secret();
  clock_.Advance(absl::Minutes(59));
  EXPECT_TRUE(Knows(secret));
  clock_.Advance(absl::Minutes(1));
  EXPECT_FALSE(Knows(secret));
  wanted.set_name("late");
  EXPECT_EQ(people_->CreateToken(wanted).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PeopleTest, WhenATokenWasUsedIsWrittenDownOnceAMinute) {
  const auto made = people_->CreateToken(Token("ci", v1::ACCESS_READ));
  ASSERT_OK(made);
  const auto written = [&] { return records_.Tokens().value()[0].token.used_at(); };
  EXPECT_EQ(written(), 0);
  people_->NoteUse(made->token().id());
  const int64_t first = UnixNanos(clock_.Now());
  EXPECT_EQ(written(), first);
  clock_.Advance(absl::Seconds(59));
  people_->NoteUse(made->token().id());
  EXPECT_EQ(written(), first);
  clock_.Advance(absl::Seconds(1));
  people_->NoteUse(made->token().id());
  EXPECT_EQ(written(), UnixNanos(clock_.Now()));
}

TEST_F(PeopleTest, WhatIsNoTokenIsRefused) {
  ASSERT_OK(people_->CreateProject("shop"));
  const auto code = [&](const v1::Token& token) { return people_->CreateToken(token).status().code(); };
  EXPECT_EQ(code(Token("", v1::ACCESS_READ)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Token("two words", v1::ACCESS_READ)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Token("\x1b[31m", v1::ACCESS_READ)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Token("12", v1::ACCESS_READ)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Token(std::string(101, 'a'), v1::ACCESS_READ)), absl::StatusCode::kInvalidArgument);
  for (const v1::Access role : {v1::ACCESS_UNSPECIFIED, v1::ACCESS_WORKER, v1::ACCESS_SOCKET, v1::ACCESS_ANY,
                                v1::ACCESS_CONTENT, v1::ACCESS_OPEN})
    EXPECT_EQ(code(Token("ci", role)), absl::StatusCode::kInvalidArgument) << role;
  EXPECT_EQ(code(Token("ci", v1::ACCESS_READ, "none")), absl::StatusCode::kNotFound);
  // Whoever decides about the farm is of no one project.
  EXPECT_EQ(code(Token("ci", v1::ACCESS_OPERATE, "shop")), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Token("ci", v1::ACCESS_ADMIN, "shop")), absl::StatusCode::kInvalidArgument);
  v1::Token push = Token("ci", v1::ACCESS_SUBMIT, "shop");
  push.add_pushes("a b");
  EXPECT_EQ(code(push), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(people_->Tokens().empty());
}

TEST_F(PeopleTest, AProjectIsMadeSetAndRemoved) {
  ASSERT_OK(people_->CreateProject("shop"));
  EXPECT_EQ(people_->CreateProject("shop").status().code(), absl::StatusCode::kAlreadyExists);
  // A limit that nobody keeps anybody to is not taken.
  EXPECT_EQ(people_->SetProject("shop", {"running-steps=20"}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  std::map<std::string, int64_t> told;
  const auto limit = [&told](const v1::Project& project) { told[project.name()] = project.running_steps(); };
  people_->LimitBy(limit);
  EXPECT_EQ(told, (std::map<std::string, int64_t>{{"default", 0}, {"shop", 0}}));
  ASSERT_OK(people_->SetProject("shop", {"running-steps=20", "queued-builds=100"}));
  EXPECT_EQ(told["shop"], 20);
  Restart();
  told.clear();
  people_->LimitBy(limit);
  EXPECT_EQ(told["shop"], 20);
  const auto project = people_->GetProject("shop");
  ASSERT_OK(project);
  EXPECT_EQ(project->running_steps(), 20);
  EXPECT_EQ(project->queued_builds(), 100);
  // All or nothing.
  EXPECT_EQ(people_->SetProject("shop", {"running-steps=1", "colour=red"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(people_->GetProject("shop")->running_steps(), 20);
  EXPECT_EQ(people_->SetProject("none", {"running-steps=1"}).status().code(), absl::StatusCode::kNotFound);

  // It is made with its limits, or not at all.
  EXPECT_EQ(people_->CreateProject("bad", {"running-steps=1", "colour=red"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(people_->GetProject("bad").status().code(), absl::StatusCode::kNotFound);
  ASSERT_OK(people_->CreateProject("small", {"running-steps=1"}));
  EXPECT_EQ(told["small"], 1);
  ASSERT_OK(people_->RemoveProject("small"));

  const std::string secret = people_->CreateToken(Token("ci", v1::ACCESS_SUBMIT, "shop"))->secret();
  EXPECT_EQ(people_->RemoveProject("shop").code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_OK(people_->RevokeToken("ci"));
  ASSERT_OK(people_->RemoveProject("shop"));
  EXPECT_EQ(told["shop"], 0);
  EXPECT_FALSE(Knows(secret));
  EXPECT_EQ(people_->RemoveProject("shop").code(), absl::StatusCode::kNotFound);
  Restart();
  EXPECT_EQ(people_->Projects().size(), 1u);
}

TEST_F(PeopleTest, AProjectWithBuildsStays) {
  ASSERT_OK(people_->CreateProject("shop"));
  {
    storage::RecursiveMutexLock lock(connection_->mutex());
    for (const char* sql : {"INSERT INTO builds (submission_digest, submission, submitted_at, view, status) "
                            "VALUES ('', x'', 1, x'', 4)",
                            "INSERT INTO build_projects (build, project) VALUES (1, 'shop')"})
      ASSERT_OK(connection_->Prepare({"put a build there", sql}).value().Run());
  }
  EXPECT_EQ(people_->RemoveProject("shop").code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ProjectSettingsTest, NamesAreOneWordEverywhere) {
  for (const char* name : {"a", "shop", "team-2"}) EXPECT_OK(CheckProjectName(name));
  for (const std::string& name : {std::string(), std::string("Shop"), std::string("2a"), std::string("-a"),
                                  std::string("a-"), std::string("a b"), std::string("a/b"),
                                  std::string("a.b"), std::string(41, 'a'), std::string("\x1b")})
    EXPECT_EQ(CheckProjectName(name).code(), absl::StatusCode::kInvalidArgument) << name;
}

TEST(ProjectSettingsTest, ValuesThatAreNoneChangeNothing) {
  v1::Project project;
  for (const char* setting : {"running-steps", "running-steps=", "running-steps=-1", "running-steps=many",
                              "queued-builds=1000001", "queued-builds=", "colour=red", "=1", ""}) {
    EXPECT_EQ(ApplyProjectSetting(setting, &project).code(), absl::StatusCode::kInvalidArgument) << setting;
    EXPECT_EQ(project.ByteSizeLong(), 0u) << setting;
  }
  EXPECT_OK(ApplyProjectSetting("running-steps=0", &project));
  EXPECT_EQ(project.running_steps(), 0);
}

}  // namespace
}  // namespace crossmill::coordinator
