// Statements about executions, verdicts, provenance and packages: what they say, and that they say no more.
#include <gtest/gtest.h>

#include <functional>

#include "common/attest/execution_statement.h"
#include "common/attest/packages_spdx.h"
#include "common/attest/packages_statement.h"
#include "common/attest/provenance_statement.h"
#include "common/attest/verdict_statement.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "tests/common/attest/example_facts.h"
#include "tests/support/status_matchers.h"

namespace crossmill::attest {
namespace {

Statement Reread(const Statement& statement) { return *ParseStatement(WriteStatement(statement)); }

// ---- in-toto ----

TEST(StatementTest, IsReadAsItWasWritten) {
  Statement statement{{{"a", std::string(64, 'a')}, {"b", std::string(64, 'b')}}, "urn:x", {{"k", 1}}};
  const std::string written = WriteStatement(statement);
  EXPECT_EQ(
      written,
      fmt::format(R"({{"_type":"https://in-toto.io/Statement/v1","predicate":{{"k":1}},"predicateType":)"
                  R"("urn:x","subject":[{{"digest":{{"sha256":"{}"}},"name":"a"}},{{"digest":)"
                  R"({{"sha256":"{}"}},"name":"b"}}]}})",
                  std::string(64, 'a'), std::string(64, 'b')));
  EXPECT_EQ(WriteStatement(Reread(statement)), written);
}

TEST(StatementTest, PassesOverWhatTheSpecificationDoesNotKnow) {
  const auto read = ParseStatement(
      R"({"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha1":"x","sha256":")" +
      std::string(64, '0') + R"("},"uri":"x"}],"predicateType":"urn:x","extra":1})");
  ASSERT_OK(read);
  EXPECT_TRUE(read->predicate.empty());
}

TEST(StatementTest, RefusesWhatSaysNothing) {
  const std::string good = R"({"digest":{"sha256":")" + std::string(64, '0') + R"("}})";
  for (
      const std::string& text :
      {std::string("{}"),
       R"({"_type":"https://in-toto.io/Statement/v0.1","subject":[)" + good + R"(],"predicateType":"x"})",
       std::string(R"({"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x"})"),
       std::string(
           R"({"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}],"predicateType":"x"})"),
       std::string(
           R"({"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x"}],"predicateType":"x"})"),
       R"({"_type":"https://in-toto.io/Statement/v1","subject":[)" + good + R"(]})",
       R"({"_type":"https://in-toto.io/Statement/v1","subject":[)" + good +
           R"(],"predicateType":"x","predicate":[]})"}) {
    EXPECT_EQ(ParseStatement(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(StatementTest, TimesAreThoseOfTheStandard) {
  EXPECT_EQ(TimeText(0), "");
  EXPECT_EQ(TimeText(1'700'000'000'123'456'789), "2023-11-14T22:13:20.123456789Z");
}

// ---- executions ----

TEST(ExecutionStatementTest, SaysWhatWasDoneAndByWhom) {
  ExampleExecution example;
  const Statement statement = Reread(ExecutionStatement(example.facts()));
  EXPECT_EQ(statement.predicate_type, kExecutionPredicate);
  ASSERT_EQ(statement.subjects.size(), 1u);
  EXPECT_EQ(statement.subjects[0].sha256, example.result.layer().tar().hash());
  const SortedJson& predicate = statement.predicate;
  EXPECT_EQ(predicate["platform"], "linux/arm64");
  EXPECT_EQ(predicate["step"]["key"], example.key);
  EXPECT_EQ(predicate["parents"][1]["sha256"], Hash('2'));
  EXPECT_EQ(predicate["emulated"], true);
  EXPECT_EQ(predicate["startedOn"], "2023-11-14T22:13:20.000000000Z");
  EXPECT_EQ(predicate["circumstances"][0]["aspect"], "host-name");
  EXPECT_EQ(predicate["circumstances"][0]["limit"], "static programs");
  EXPECT_EQ(predicate["network"], "recorded");
  EXPECT_EQ(predicate["worker"]["hostId"], "boot-1");
  const auto claim = ReadExecution(statement);
  ASSERT_OK(claim);
  EXPECT_EQ(claim->layer, example.result.layer().tar().hash());
  EXPECT_EQ(claim->host_id, "boot-1");
  EXPECT_EQ(claim->farm_version, "0.1.0");
  EXPECT_TRUE(claim->emulated);
}

TEST(ExecutionStatementTest, FetchesWithoutDigestAreOnlyCounted) {
  ExampleExecution example;
  const SortedJson fetches = ExecutionStatement(example.facts()).predicate["fetches"];
  ASSERT_EQ(fetches["items"].size(), 1u);
  EXPECT_EQ(fetches["items"][0]["uri"], "http://index.example/x-1.whl");
  EXPECT_EQ(fetches["withDigest"], 1);
  EXPECT_EQ(fetches["withoutDigest"], 1 + 3) << "a tunnel, and those that are counted by host";
  EXPECT_EQ(fetches["digestOfAll"]["sha256"], Sha256Hex(Hash('f') + "  http://index.example/x-1.whl\n"));
}

TEST(ExecutionStatementTest, StaysSmallHoweverMuchWasFetched) {
  ExampleExecution example;
  for (int i = 0; i < 20'000; ++i) {
    v1::Fetch& fetch = *example.result.mutable_fetches()->add_fetches();
    fetch.set_url(fmt::format("http://index.example/{}/{}", i, std::string(3000, 'x')));
    fetch.set_sha256(Hash('e'));
  }
  example.step.set_text(std::string(1 << 20, 'x'));
  const Statement statement = ExecutionStatement(example.facts());
  EXPECT_LT(WriteStatement(statement).size(), size_t{256} << 10);
  EXPECT_EQ(statement.predicate["fetches"]["withDigest"], 20'001);
}

TEST(ExecutionStatementTest, TextIsCutBetweenCharacters) {
  ExampleExecution example;
  std::string text(4095, 'x');
  text += "\xc3\xbc and more";
  example.step.set_text(text);
  const std::string cut = ExecutionStatement(example.facts()).predicate["step"]["text"];
  EXPECT_EQ(cut, std::string(4095, 'x') + "...");
}

TEST(ExecutionStatementTest, MatchesOnlyWhatTheFactsSay) {
  ExampleExecution example;
  const Statement honest = Reread(ExecutionStatement(example.facts()));
  EXPECT_OK(MatchesFacts(honest, example.facts()));
  for (const auto& [name, value] : honest.predicate.items()) {
    Statement lie = honest;
    lie.predicate[name] = "something else";
    const absl::Status status = MatchesFacts(lie, example.facts());
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find('"' + name + '"'), std::string::npos) << status;
    Statement silent = honest;
    silent.predicate.erase(name);
    EXPECT_FALSE(MatchesFacts(silent, example.facts()).ok()) << name;
  }
  Statement more = honest;
  more.predicate["reproducible"] = true;
  EXPECT_FALSE(MatchesFacts(more, example.facts()).ok());
  Statement other_layer = honest;
  other_layer.subjects[0].sha256 = Hash('0');
  EXPECT_FALSE(MatchesFacts(other_layer, example.facts()).ok());
  Statement two = honest;
  two.subjects.push_back(two.subjects[0]);
  EXPECT_FALSE(MatchesFacts(two, example.facts()).ok());
  Statement other_type = honest;
  other_type.predicate_type = kVerdictPredicate;
  EXPECT_FALSE(MatchesFacts(other_type, example.facts()).ok());
}

TEST(ExecutionStatementTest, BytesThatAreNoTextDoNotMakeItDiffer) {
  ExampleExecution example;
  example.step.set_text("RUN printf \xff");
  EXPECT_OK(MatchesFacts(Reread(ExecutionStatement(example.facts())), example.facts()));
}

// ---- verdicts ----

TEST(VerdictStatementTest, SaysWhatTheComparisonSays) {
  ExampleBuild example;
  const auto claim = ReadVerdict(Reread(VerdictStatement(example.verdict())));
  ASSERT_OK(claim);
  EXPECT_EQ(claim->image, Hash('a'));
  EXPECT_EQ(claim->verdict, "reproducible");
  EXPECT_EQ(claim->hosts, 2);
  EXPECT_EQ(claim->executions, 2);
  EXPECT_FALSE(claim->same_host);
  EXPECT_FALSE(claim->emulated);
  EXPECT_EQ(claim->varied, std::vector<std::string>{"clock"});
  EXPECT_EQ(claim->index, "sha256:" + Hash('9'));
  ASSERT_EQ(claim->steps.size(), 1u);
  EXPECT_EQ(claim->steps[0].place, "step 2 of stage builder (Dockerfile:2)");
  EXPECT_EQ(claim->steps[0].key, Hash('k'));
  ASSERT_EQ(claim->steps[0].witnesses.size(), 2u);
  EXPECT_EQ(claim->steps[0].witnesses[0].statement.file_sha256, Hash('5'));
  EXPECT_EQ(claim->steps[0].witnesses[1].statement.file_sha256, "") << "none is kept of it";
  EXPECT_TRUE(Contradictions(*claim).empty());
}

TEST(VerdictStatementTest, AReplicaUnderEmulationIsSaid) {
  ExampleBuild example;
  example.comparison().mutable_steps(0)->mutable_witnesses(1)->set_emulated(true);
  const auto claim = ReadVerdict(Reread(VerdictStatement(example.verdict())));
  ASSERT_OK(claim);
  EXPECT_TRUE(claim->emulated);
}

TEST(VerdictStatementTest, EveryFactHasToBeThere) {
  ExampleBuild example;
  const Statement whole = Reread(VerdictStatement(example.verdict()));
  for (const char* name : {"verdict", "level", "reason", "hosts", "executions", "sameHost", "emulated",
                           "varied", "equal", "steps", "platform", "index"}) {
    Statement part = whole;
    part.predicate.erase(name);
    EXPECT_EQ(ReadVerdict(part).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST(VerdictStatementTest, CountsAreNotNegative) {
  ExampleBuild example;
  Statement statement = Reread(VerdictStatement(example.verdict()));
  statement.predicate["hosts"] = -1;
  EXPECT_EQ(ReadVerdict(statement).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(VerdictStatementTest, ClaimsThatTheExecutionsDoNotCarryContradict) {
  ExampleBuild example;
  const VerdictClaim honest = *ReadVerdict(Reread(VerdictStatement(example.verdict())));
  const auto wrong = [&](const std::function<void(VerdictClaim&)>& change) {
    VerdictClaim claim = honest;
    change(claim);
    return !Contradictions(claim).empty();
  };
  EXPECT_FALSE(wrong([](VerdictClaim&) {}));
  EXPECT_TRUE(wrong([](VerdictClaim& claim) { claim.hosts = 3; }));
  EXPECT_TRUE(wrong([](VerdictClaim& claim) { claim.executions = 3; }));
  EXPECT_TRUE(wrong([](VerdictClaim& claim) { claim.steps[0].witnesses[1].host_id = "boot-1"; }));
  EXPECT_TRUE(wrong([](VerdictClaim& claim) { claim.steps[0].witnesses[1].layer = Hash('0'); }));
  EXPECT_TRUE(wrong([](VerdictClaim& claim) { claim.steps[0].witnesses[1].layer = ""; }));
  EXPECT_TRUE(wrong([](VerdictClaim& claim) { claim.steps[0].witnesses[1].emulated = true; }));
  EXPECT_TRUE(wrong([](VerdictClaim& claim) { claim.steps[0].witnesses.pop_back(); }));
  EXPECT_TRUE(wrong([](VerdictClaim& claim) {
    claim.hosts = 1;
    claim.steps[0].witnesses[1].host_id = "boot-1";
  })) << "it does not say that everything ran on one host";
  EXPECT_FALSE(wrong([](VerdictClaim& claim) {
    claim.hosts = 1;
    claim.same_host = true;
    claim.steps[0].witnesses[1].host_id = "boot-1";
  }));
  EXPECT_TRUE(wrong([](VerdictClaim& claim) {
    claim.steps[0].agrees = false;
    claim.steps[0].reaches_image = true;
    claim.steps[0].witnesses[1].layer = Hash('0');
  })) << "reproducible, although a difference reaches the image";
  EXPECT_FALSE(wrong([](VerdictClaim& claim) {
    claim.steps[0].agrees = false;
    claim.steps[0].witnesses[1].layer = Hash('0');
  })) << "a difference that stays outside is no contradiction";
}

// ---- provenance ----

TEST(ProvenanceStatementTest, NamesRecipeAndMaterials) {
  ExampleBuild example;
  const SortedJson predicate = Reread(ProvenanceStatement(example.provenance())).predicate;
  const SortedJson& definition = predicate["buildDefinition"];
  EXPECT_EQ(definition["buildType"], kBuildType);
  EXPECT_EQ(definition["externalParameters"]["dockerfile"]["digest"]["sha256"],
            Sha256Hex("FROM python:3.11\n"));
  EXPECT_EQ(definition["externalParameters"]["context"]["tree"]["sha256"], Hash('c'));
  EXPECT_EQ(definition["externalParameters"]["arguments"]["VERSION"], "1");
  const SortedJson& dependencies = definition["resolvedDependencies"];
  ASSERT_EQ(dependencies.size(), 4u);
  EXPECT_EQ(dependencies[0]["uri"], "docker-image://docker.io/library/python:3.11");
  EXPECT_EQ(dependencies[0]["digest"]["sha256"], Hash('b'));
  EXPECT_EQ(dependencies[0]["annotations"]["standIn"], true);
  EXPECT_EQ(dependencies[1]["uri"], "https://example.com/a.tar") << "without credentials";
  EXPECT_EQ(dependencies[2]["digest"]["gitCommit"], "abc");
  EXPECT_EQ(dependencies[3]["annotations"]["kind"], "fetch");
  EXPECT_EQ(definition["internalParameters"]["fetchesWithoutDigest"], 7);
  EXPECT_EQ(predicate["runDetails"]["builder"]["id"], "urn:crossmill:farm:KEY");
  EXPECT_EQ(predicate["runDetails"]["builder"]["version"]["crossmill"], "0.1.0");
  EXPECT_EQ(predicate["runDetails"]["metadata"]["invocationId"], "urn:crossmill:farm:KEY:build:12");
}

TEST(ProvenanceStatementTest, APasswordOfAProxyIsNotInIt) {
  ExampleBuild example;
  v1::BuildArgument& argument = *example.submission.mutable_recipe()->add_build_arguments();
  argument.set_name("HTTPS_PROXY");
  argument.set_value("http://user:hunter2@proxy:3128");
  const std::string written = WriteStatement(ProvenanceStatement(example.provenance()));
  EXPECT_EQ(written.find("hunter2"), std::string::npos);
  EXPECT_NE(written.find("HTTPS_PROXY"), std::string::npos);
  EXPECT_EQ(written.find("s3cret"), std::string::npos) << "of the URL that was added";
}

TEST(ProvenanceStatementTest, TheVersionIsSaidOnlyWhereItIsKnown) {
  ExampleBuild example;
  example.view.clear_farm_version();
  const SortedJson builder = ProvenanceStatement(example.provenance()).predicate["runDetails"]["builder"];
  EXPECT_FALSE(builder.contains("version"));
}

TEST(ProvenanceStatementTest, TheMinimalOneHasNoValuesOfArguments) {
  ExampleBuild example;
  example.submission.mutable_options()->add_secret_ids("id-of-a-secret");
  const std::string whole = WriteStatement(ProvenanceStatement(example.provenance()));
  EXPECT_NE(whole.find("id-of-a-secret"), std::string::npos);
  const Statement statement = Reread(MinimalProvenance(ProvenanceStatement(example.provenance())));
  const SortedJson& definition = statement.predicate["buildDefinition"];
  for (const char* name : {"arguments", "secrets", "sshAgents", "flags"})
    EXPECT_FALSE(definition["externalParameters"].contains(name)) << name;
  EXPECT_EQ(WriteStatement(statement).find("id-of-a-secret"), std::string::npos);
  // What it was built from is still there.
  EXPECT_EQ(definition["externalParameters"]["context"]["tree"]["sha256"], Hash('c'));
  EXPECT_EQ(definition["resolvedDependencies"].size(), 4u);
  EXPECT_EQ(statement.subjects[0].sha256, Hash('a'));
}

// ---- packages ----

TEST(PackagesStatementTest, NamesWhatIsInstalledAndHowItCame) {
  ExampleBuild example;
  PackagesFacts facts;
  facts.cell = &example.cell();
  facts.packages = {Installed("zlib-ng", "1.0+local", v1::OUTCOME_SOURCE, "builder", false),
                    Installed("attrs", "23.1.0", v1::OUTCOME_WHEEL, "final", true),
                    Installed("attrs", "23.1.0", v1::OUTCOME_SOURCE_CACHED, "final", true)};
  facts.packages.push_back(Installed("broken", "1", v1::OUTCOME_FAILED, "final", true));
  facts.packages.push_back(Installed("setuptools", "69", v1::OUTCOME_WHEEL, "final", true));
  facts.packages.back().outcome.set_scope("build-dep");
  facts.packages.push_back(Installed("saved", "1", v1::OUTCOME_WHEEL, "final", true));
  facts.packages.back().outcome.set_installed(false);
  const Statement statement = Reread(PackagesStatement(facts));
  EXPECT_EQ(statement.predicate_type, "https://cyclonedx.org/bom");
  EXPECT_EQ(statement.subjects[0].sha256, Hash('a'));
  EXPECT_EQ(statement.predicate["specVersion"], "1.5");
  const SortedJson& components = statement.predicate["components"];
  ASSERT_EQ(components.size(), 2u);
  EXPECT_EQ(components[0]["purl"], "pkg:pypi/attrs@23.1.0");
  EXPECT_EQ(components[0]["scope"], "required");
  EXPECT_EQ(components[0]["properties"][0]["value"], "source-cached") << "the last counts";
  EXPECT_EQ(components[1]["purl"], "pkg:pypi/zlib-ng@1.0%2Blocal");
  EXPECT_EQ(components[1]["scope"], "optional");
  EXPECT_EQ(statement.predicate["compositions"][0]["aggregate"], "incomplete");
}

TEST(SpdxStatementTest, NamesTheSamePackagesAndSaysThatItIsIncomplete) {
  ExampleBuild example;
  PackagesFacts facts;
  facts.cell = &example.cell();
  facts.packages = {Installed("zlib-ng", "1.0+local", v1::OUTCOME_SOURCE, "builder", false),
                    Installed("attrs", "23.1.0", v1::OUTCOME_WHEEL, "final", true),
                    Installed("broken", "1", v1::OUTCOME_FAILED, "final", true)};
  const Statement statement = Reread(SpdxStatement(facts, 1'700'000'100'000'000'000));
  EXPECT_EQ(statement.predicate_type, "https://spdx.dev/Document");
  EXPECT_EQ(statement.subjects[0].sha256, Hash('a'));
  EXPECT_EQ(statement.predicate["spdxVersion"], "SPDX-2.3");
  EXPECT_EQ(statement.predicate["creationInfo"]["created"], "2023-11-14T22:15:00Z");
  const SortedJson& packages = statement.predicate["packages"];
  ASSERT_EQ(packages.size(), 3u);
  EXPECT_EQ(packages[0]["primaryPackagePurpose"], "CONTAINER");
  EXPECT_EQ(packages[1]["externalRefs"][0]["referenceLocator"], "pkg:pypi/attrs@23.1.0");
  EXPECT_EQ(packages[2]["name"], "zlib-ng");
  EXPECT_NE(packages[2]["comment"].get<std::string>().find("as far as it was copied"), std::string::npos);
  EXPECT_EQ(statement.predicate["relationships"].size(), 3u);
  EXPECT_NE(statement.predicate["comment"].get<std::string>().find("Incomplete"), std::string::npos);
}

TEST(StatementsTest, TheSameFactsGiveTheSameBytes) {
  ExampleBuild one, other;
  ExampleExecution first, second;
  EXPECT_EQ(WriteStatement(VerdictStatement(one.verdict())),
            WriteStatement(VerdictStatement(other.verdict())));
  EXPECT_EQ(WriteStatement(ProvenanceStatement(one.provenance())),
            WriteStatement(ProvenanceStatement(other.provenance())));
  EXPECT_EQ(WriteStatement(ExecutionStatement(first.facts())),
            WriteStatement(ExecutionStatement(second.facts())));
}

}  // namespace
}  // namespace crossmill::attest
