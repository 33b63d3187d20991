#include "coordinator/buildkit/solve/definitions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

pb::Definition Of(const std::vector<pb::Op>& ops) {
  pb::Definition definition;
  for (const pb::Op& op : ops) definition.add_def(op.SerializeAsString());
  definition.add_def(pb::Op().SerializeAsString());
  return definition;
}

pb::Op Source(const std::string& identifier, const std::map<std::string, std::string>& attributes = {}) {
  pb::Op op;
  op.mutable_source()->set_identifier(identifier);
  op.mutable_source()->mutable_attrs()->insert(attributes.begin(), attributes.end());
  return op;
}

TEST(DefinitionsTest, ATokenComesBack) {
  const pb::Definition token = TokenFor("abc");
  EXPECT_EQ(IdOfToken(token), "abc");
  // What clients need to write it again: two operations, the first one in the metadata, the last one with it
  // as input.
  ASSERT_EQ(token.def_size(), 2);
  const std::string digest = "sha256:" + Sha256Hex(token.def(0));
  EXPECT_TRUE(token.metadata().contains(digest));
  pb::Op end;
  ASSERT_TRUE(end.ParseFromString(token.def(1)));
  EXPECT_EQ(end.inputs(0).digest(), digest);
  EXPECT_FALSE(IdOfToken(Of({Source("git://host/a.git")})).has_value());
}

TEST(DefinitionsTest, AGitSourceIsItsUrl) {
  const auto read =
      ReadRawSource(Of({Source("git://host/a.git#main:dir", {{"git.fullurl", "ssh://git@host/a.git"}})}));
  ASSERT_OK(read);
  EXPECT_EQ(read->kind, RawSource::Kind::kGit);
  EXPECT_EQ(read->url, "ssh://git@host/a.git#main:dir");
  EXPECT_EQ(ReadRawSource(Of({Source("git://host/a.git")}))->url, "https://host/a.git");
  EXPECT_EQ(ReadRawSource(Of({Source("git://host/a.git#v1", {{"git.subdir", "d"}})}))->url,
            "https://host/a.git#v1:d");
}

TEST(DefinitionsTest, AnArchiveMayBeUnpacked) {
  pb::Op copy;
  copy.mutable_file()->add_actions()->mutable_copy()->set_attemptunpackdockercompatibility(true);
  const auto read = ReadRawSource(Of({Source("https://host/a.tgz"), copy}));
  ASSERT_OK(read);
  EXPECT_EQ(read->kind, RawSource::Kind::kHttp);
  EXPECT_TRUE(read->unpacked);
}

TEST(DefinitionsTest, OtherOperationsAreNamed) {
  pb::Op exec;
  exec.mutable_exec();
  const auto read = ReadRawSource(Of({Source("https://host/a"), exec}));
  EXPECT_TRUE(absl::IsUnimplemented(read.status()));
  EXPECT_THAT(std::string(read.status().message()), testing::HasSubstr("exec"));
  EXPECT_TRUE(absl::IsUnimplemented(ReadRawSource(Of({Source("docker-image://alpine")})).status()));
  EXPECT_TRUE(absl::IsUnimplemented(ReadRawSource(Of({Source("https://a"), Source("https://b")})).status()));
  EXPECT_FALSE(ReadRawSource(pb::Definition()).ok());
}

TEST(DefinitionsTest, BytesThatAreNoOperationAreRefused) {
  pb::Definition definition;
  definition.add_def("\xff\xff\xff");
  EXPECT_TRUE(absl::IsInvalidArgument(ReadRawSource(definition).status()));
  EXPECT_FALSE(IdOfToken(definition).has_value());
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
