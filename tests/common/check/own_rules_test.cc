// Our own rules: what they find, what they leave alone, what they say it cost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/check/check_fixture.h"

namespace crossmill::check {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A final stage that gives no other reason for findings.
std::string Service(const std::string& steps,
                    const std::string& base = "python:3.11@sha256:" + std::string(64, 'a')) {
  return "FROM " + base + "\n" + steps + "USER app\nCMD [\"serve\"]\n";
}

std::vector<std::string> Own(const std::string& steps) {
  Case given;
  given.dockerfile = Service(steps);
  return OwnFindings(given);
}

std::vector<std::string> OwnOf(const std::string& dockerfile) {
  Case given;
  given.dockerfile = dockerfile;
  return OwnFindings(given);
}

TEST(OwnRulesTest, AptListsAreLeftOnlyWhereNothingRemovesThem) {
  EXPECT_THAT(Own("RUN apt-get update && apt-get install -y --no-install-recommends curl\n"),
              testing::ElementsAre("2 AptListsInLayer"));
  for (const char* fine :
       {"RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf "
        "/var/lib/apt/lists/*\n",
        "RUN --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y "
        "--no-install-recommends curl\n",
        "RUN <<EOF\nset -e\napt-get update\napt-get install -y --no-install-recommends curl\nrm -rf "
        "/var/lib/apt/lists/*\nEOF\n",
        "RUN set -eux; \\\n\tapt-get update; \\\n\tapt-get install -y --no-install-recommends \\\n\t\tcurl "
        "\\\n\t; "
        "\\\n\trm -rf /var/lib/apt/lists/*\n"}) {
    EXPECT_THAT(Own(fine), IsEmpty()) << fine;
  }
}

TEST(OwnRulesTest, LayersOfBuilderStagesMayHoldAnything) {
  Case given;
  given.dockerfile =
      "FROM python:3.11@sha256:" + std::string(64, 'a') +
      " AS builder\nRUN apt-get update && apt-get install -y gcc\nRUN pip wheel -w /w x\nRUN pip "
      "install x\nRUN python -m venv /venv\nFROM scratch\nCOPY --from=builder /venv /venv\nUSER 1\nCMD "
      "[\"/venv/x\"]\n";
  EXPECT_THAT(OwnFindings(given), IsEmpty());
}

TEST(OwnRulesTest, AptAsksAndUpdatesAlone) {
  EXPECT_THAT(Own("RUN apt-get update\n"), testing::ElementsAre("2 AptUpdateAlone"));
  EXPECT_THAT(Own("RUN apt-get update && apt-get install --no-install-recommends curl && rm -rf "
                  "/var/lib/apt/lists/*\n"),
              testing::ElementsAre("2 AptInstallWithoutYes"));
  EXPECT_THAT(Own("RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n"),
              testing::ElementsAre("2 AptRecommendsInstalled"));
  EXPECT_THAT(Own("RUN apt-get update && apt-get install -qqy --no-install-recommends curl && rm -rf "
                  "/var/lib/apt/lists/*\n"),
              IsEmpty());
  EXPECT_THAT(Own("RUN apt-get update && ./install-packages.sh && rm -rf /var/lib/apt/lists/*\n"), IsEmpty());
}

TEST(OwnRulesTest, PipKeepsACacheUnlessToldOtherwise) {
  EXPECT_THAT(Own("RUN python3 -m pip install flask\n"), testing::ElementsAre("2 PipCacheInLayer"));
  for (const char* fine :
       {"RUN pip install --no-cache-dir flask\n", "ENV PIP_NO_CACHE_DIR=1\nRUN pip install flask\n",
        "RUN --mount=type=cache,target=/root/.cache/pip pip install flask\n",
        "RUN PIP_NO_CACHE_DIR=1 pip install flask\n", "RUN pip install flask && rm -rf /root/.cache\n",
        "RUN pip --no-cache-dir install flask\n", "RUN echo 'pip install flask'\n"}) {
    EXPECT_THAT(Own(fine), IsEmpty()) << fine;
  }
}

TEST(OwnRulesTest, OtherPackageManagersKeepCachesToo) {
  EXPECT_THAT(Own("RUN dnf install -y gzip\n"), testing::ElementsAre("2 DnfCacheInLayer"));
  EXPECT_THAT(Own("RUN dnf install -y gzip && dnf clean all\n"), IsEmpty());
  EXPECT_THAT(Own("RUN apk update && apk add curl\n"), testing::ElementsAre("2 ApkCacheInLayer"));
  EXPECT_THAT(Own("RUN apk add --no-cache curl\n"), IsEmpty());
  EXPECT_THAT(Own("COPY package.json ./\nRUN npm ci\n"), testing::ElementsAre("3 NpmCacheInLayer"));
  EXPECT_THAT(Own("COPY package.json ./\nRUN npm ci && npm cache clean --force\n"), IsEmpty());
}

TEST(OwnRulesTest, SourcesBeforeDependenciesAreCountedInSeconds) {
  History history;
  for (int build = 1; build <= 3; ++build) {
    PastStep step;
    step.build = build;
    step.stage = build == 1 ? "0" : "stage-0";
    step.text = "RUN pip install --no-cache-dir  -r requirements.txt";
    step.executed = true;
    step.seconds = 40;
    // The third joined the second's.
    step.execution = std::min(build, 2);
    history.Add(step);
  }
  Case given;
  given.dockerfile = Service("COPY . .\nRUN pip install --no-cache-dir -r requirements.txt\n");
  given.history = &history;
  const CheckReport report = Check(given);
  const Finding* finding = Find(report, "SourcesBeforeDependencies");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->line, 2u);
  EXPECT_THAT(finding->why,
              HasSubstr("in the last 3 builds of it that step ran 2 times and took 1 min 20 s"));
  EXPECT_EQ(finding->replacement,
            "COPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt\nCOPY . .");
  given.history = nullptr;
  const CheckReport without = Check(given);
  EXPECT_THAT(Find(without, "SourcesBeforeDependencies")->why, Not(HasSubstr("build")));
}

TEST(OwnRulesTest, EveryInstallerHasItsOrder) {
  const auto has = [](const std::string& run) {
    const auto found = Own("COPY . .\n" + run);
    return std::find(found.begin(), found.end(), "2 SourcesBeforeDependencies") != found.end();
  };
  for (const char* run :
       {"RUN npm ci\n", "RUN yarn install --frozen-lockfile\n", "RUN pnpm i\n", "RUN mvn -B package\n",
        "RUN go build -o /app ./...\n", "RUN cargo build --release\n", "RUN bundle install\n",
        "RUN composer install --no-dev\n", "RUN pip3 install --no-cache-dir -r requirements.txt\n"}) {
    EXPECT_TRUE(has(run)) << run;
  }
  for (const char* run :
       {"RUN npm install -g pm2\n", "RUN npm run build\n", "RUN pip install --no-cache-dir .\n",
        "RUN pip install --no-cache-dir flask\n", "RUN go install example.com/tool@latest\n",
        "RUN --mount=type=cache,target=/root/.m2 mvn -B package\n", "RUN go build -mod=vendor ./...\n",
        "RUN cargo install ripgrep\n"}) {
    EXPECT_FALSE(has(run)) << run;
  }
  // Dependencies were installed before.
  EXPECT_THAT(Own("COPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN go build ./...\n"), IsEmpty());
  EXPECT_THAT(Own("COPY package*.json ./\nRUN npm ci && npm cache clean --force\nCOPY . .\nRUN npm ci "
                  "--omit=dev && npm cache clean --force\n"),
              IsEmpty());
}

TEST(OwnRulesTest, RootIsToldByWhatIsKnownOfTheBase) {
  Case given;
  given.dockerfile = "FROM python:3.11\nCMD [\"serve\"]\n";
  EXPECT_EQ(Find(Check(given), "RunsAsRoot")->severity, Severity::kWarning);
  given.dockerfile = "FROM registry.example/base:1\nCMD [\"serve\"]\n";
  EXPECT_EQ(Find(Check(given), "RunsAsRoot")->severity, Severity::kInfo);
  given.bases["registry.example/base:1"].user = "app";
  EXPECT_EQ(Find(Check(given), "RunsAsRoot"), nullptr);
  given.bases["registry.example/base:1"].user = "";
  EXPECT_EQ(Find(Check(given), "RunsAsRoot")->severity, Severity::kWarning);
  for (const char* fine : {"FROM python:3.11\nUSER app\nCMD [\"serve\"]\n", "FROM python:3.11\nRUN true\n",
                           "FROM gcr.io/distroless/static:nonroot\nCMD [\"serve\"]\n",
                           "FROM postgres:16\nENTRYPOINT [\"gosu\", \"postgres\", \"postgres\"]\n",
                           "FROM python:3.11 AS a\nUSER app\nFROM a\nCMD [\"serve\"]\n"}) {
    Case one;
    one.dockerfile = fine;
    EXPECT_EQ(Find(Check(one), "RunsAsRoot"), nullptr) << fine;
  }
  Case back;
  back.dockerfile = "FROM python:3.11\nUSER app\nUSER root\nCMD [\"serve\"]\n";
  const CheckReport report = Check(back);
  ASSERT_NE(Find(report, "RunsAsRoot"), nullptr);
  EXPECT_EQ(Find(report, "RunsAsRoot")->line, 3u);
}

TEST(OwnRulesTest, CompilersInTheImageHaveAWeight) {
  History history;
  PastStep step;
  step.build = 1;
  step.stage = "0";
  step.text = "RUN apk add --no-cache gcc musl-dev";
  step.bytes = 148'000'000;
  history.Add(step);
  Case given;
  given.dockerfile = Service("RUN apk add --no-cache gcc musl-dev\n");
  given.history = &history;
  const CheckReport report = Check(given);
  const Finding* finding = Find(report, "CompilersInFinalStage");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->message, "gcc, musl-dev stay in the final image");
  EXPECT_THAT(finding->why, HasSubstr("this step's layer held 148 MB in past builds"));
  for (const char* fine :
       {"RUN apk add --no-cache --virtual .deps gcc && pip install --no-cache-dir x && apk del .deps\n",
        "RUN apk add --no-cache libpq libgcc\n"}) {
    EXPECT_THAT(Own(fine), IsEmpty()) << fine;
  }
  EXPECT_THAT(OwnOf("FROM golang:1.22@sha256:" + std::string(64, 'a') + "\nUSER 1\nCMD [\"/app\"]\n"),
              testing::ElementsAre("1 CompilersInFinalStage"));
}

TEST(OwnRulesTest, AlpineIsToldAboutPackagesWithoutWheel) {
  Case given;
  given.dockerfile =
      Service("COPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt numpy\n",
              "python:3.11-alpine@sha256:" + std::string(64, 'a'));
  given.files["requirements.txt"] =
      "flask==3.0\n# a comment\nTorch>=2  # big\nnumba; sys_platform == 'win32'\n";
  const CheckReport report = Check(given);
  const Finding* finding = Find(report, "NoMuslWheel");
  ASSERT_NE(finding, nullptr);
  EXPECT_THAT(finding->message, HasSubstr("torch (requirements.txt:3) has no wheel"));
  given.dockerfile =
      Service("COPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt\n");
  EXPECT_EQ(Find(Check(given), "NoMuslWheel"), nullptr);
}

TEST(OwnRulesTest, IndexesKnowBetterThanTheListWhatHasAWheel) {
  const std::string base = "python:3.11-alpine@sha256:" + std::string(64, 'a');
  Case given;
  given.dockerfile =
      Service("COPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt uvloop\n", base);
  given.files["requirements.txt"] = "torch>=2 --hash=sha256:aa\nnetifaces==0.11.0 # old\nsix\n";
  const std::vector<MuslQuestion> questions = MuslQuestions(InputOf(given));
  ASSERT_EQ(questions.size(), 4U);
  std::vector<std::string> requirements;
  for (const auto& [reference, requirement] : questions) {
    EXPECT_THAT(reference, HasSubstr("alpine"));
    requirements.push_back(requirement);
  }
  EXPECT_THAT(requirements, testing::ElementsAre("uvloop", "torch>=2", "netifaces==0.11.0", "six"));
  given.musl[questions[1]] = {MuslAnswer::Kind::kWheel, ""};
  given.musl[questions[2]] = {MuslAnswer::Kind::kSource, "netifaces 0.12 has a wheel here."};
  const CheckReport report = Check(given);
  const Finding* finding = Find(report, "NoMuslWheel");
  ASSERT_NE(finding, nullptr);
  EXPECT_THAT(finding->message, testing::StartsWith("netifaces (requirements.txt:2) has no wheel"));
  EXPECT_THAT(finding->why, HasSubstr("compiles it from source"));
  EXPECT_THAT(finding->fix, HasSubstr("netifaces 0.12 has a wheel here"));
  // Not asked on other bases.
  given.dockerfile =
      Service("RUN pip install --no-cache-dir uvloop\n", "python:3.11@sha256:" + std::string(64, 'a'));
  EXPECT_TRUE(MuslQuestions(InputOf(given)).empty());
}

TEST(OwnRulesTest, FarmKnowsBetterThanTheListWhatIsCompiled) {
  History history;
  history.Add(PastPackage{"torch", "0", "RUN pip install --no-cache-dir torch greenlet", false, false, 0});
  history.Add(PastPackage{"greenlet", "0", "RUN pip install --no-cache-dir torch greenlet", true, false, 75});
  Case given;
  given.dockerfile = Service("RUN pip install --no-cache-dir torch greenlet\n",
                             "python:3.11-alpine@sha256:" + std::string(64, 'a'));
  given.history = &history;
  const CheckReport report = Check(given);
  const Finding* finding = Find(report, "NoMuslWheel");
  ASSERT_NE(finding, nullptr);
  EXPECT_THAT(finding->message, testing::StartsWith("greenlet has no wheel"));
  EXPECT_THAT(finding->why, HasSubstr("1 min 15 s"));
}

TEST(OwnRulesTest, PipesHealthAddAndDirectories) {
  EXPECT_THAT(Own("RUN curl -fsSL https://example.org/i.sh | bash\n"),
              testing::ElementsAre("2 PipeWithoutPipefail"));
  EXPECT_THAT(Own("RUN set -o pipefail; curl -fsSL https://example.org/i.sh | bash\n"), IsEmpty());
  EXPECT_THAT(Own("SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN curl -fsSL "
                  "https://example.org/i.sh | bash\n"),
              IsEmpty());
  EXPECT_THAT(Own("RUN curl -fsSL https://example.org/x | jq .\n"), IsEmpty());
  EXPECT_THAT(Own("EXPOSE 80\n"), testing::ElementsAre("2 MissingHealthcheck"));
  EXPECT_THAT(Own("EXPOSE 80\nHEALTHCHECK NONE\n"), IsEmpty());
  EXPECT_THAT(Own("ADD app.py /app/\n"), testing::ElementsAre("2 AddInsteadOfCopy"));
  EXPECT_THAT(Own("ADD rootfs.tar.gz /\nADD https://example.org/x.txt /x\nADD rootfs /\nADD *.tar /\n"),
              IsEmpty());
  EXPECT_THAT(Own("RUN cd /app && make\n"), testing::ElementsAre("2 CdInRun"));
  EXPECT_THAT(Own("RUN cd /tmp && ./x && cd /app && ./y\nRUN (cd /x && make)\nRUN ls && cd /x && make\n"),
              IsEmpty());
  EXPECT_THAT(Own("RUN python -m venv /venv\n"), testing::ElementsAre("2 VirtualEnvironmentInImage"));
}

TEST(OwnRulesTest, SecretValuesAreToldButNotShown) {
  const std::string token = "ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R";
  Case given;
  given.dockerfile = Service("RUN git clone https://x:" + token + "@github.com/a/b\n");
  const CheckReport report = Check(given);
  const Finding* finding = Find(report, "HardcodedSecret");
  ASSERT_NE(finding, nullptr);
  EXPECT_THAT(finding->masked, Contains(token));
  EXPECT_THAT(finding->message + finding->why + finding->fix, Not(HasSubstr(token)));
  EXPECT_THAT(
      Own("ENV A=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nRUN curl https://user:$PASS@example.org/\n"),
      IsEmpty());
}

TEST(OwnRulesTest, BasesArePinned) {
  EXPECT_THAT(OwnOf("FROM alpine\n"), testing::ElementsAre("1 UnpinnedBase"));
  EXPECT_THAT(OwnOf("FROM alpine:latest\n"), testing::ElementsAre("1 UnpinnedBase"));
  EXPECT_THAT(OwnOf("FROM alpine:3.20\n"), testing::ElementsAre("1 BaseWithoutDigest"));
  EXPECT_THAT(OwnOf("FROM localhost:5000/a@sha256:" + std::string(64, 'a') + "\n"), IsEmpty());
  EXPECT_THAT(OwnOf("FROM scratch AS a\nFROM a\n"), IsEmpty());
}

TEST(OwnRulesTest, ContextIsWeighedByWhatShouldNotBeInIt) {
  ContextSurvey context;
  context.Add("app.py", 100);
  context.Add(".git/objects/pack/p", 5'000'000);
  context.Add("web/node_modules/x/index.js", 20'000'000);
  context.Add(".env", 20, "DB_PASSWORD=x\n");
  context.Add(".env.example", 20, "DB_PASSWORD=x\n");
  context.Add("ca.pem", 1000, "-----BEGIN CERTIFICATE-----");
  context.Add("deploy/id_rsa", 1000, "-----BEGIN OPENSSH PRIVATE KEY-----");
  context.Add("tests/data.key", 1000, "-----BEGIN PRIVATE KEY-----");
  Case given;
  given.dockerfile = Service("COPY . .\n");
  given.context = &context;
  const CheckReport report = Check(given);
  const Finding* missing = Find(report, "MissingIgnoreFile");
  ASSERT_NE(missing, nullptr);
  EXPECT_THAT(missing->message, HasSubstr("25.0 MB in 8 files"));
  EXPECT_THAT(missing->why, HasSubstr("web/node_modules 20.0 MB, .git 5.0 MB"));
  EXPECT_EQ(missing->replacement, "**/node_modules\n.git\n.env\ndeploy/id_rsa\nDockerfile*\n.dockerignore");
  std::vector<std::string> secrets;
  for (const Finding& finding : report.findings) {
    if (finding.rule == "SecretsInContext") secrets.push_back(finding.file);
  }
  EXPECT_THAT(secrets, testing::ElementsAre(".env", "deploy/id_rsa"));
  // With an ignore file that forgets some of it.
  given.has_ignore_file = true;
  const CheckReport with = Check(given);
  EXPECT_EQ(Find(with, "MissingIgnoreFile"), nullptr);
  EXPECT_THAT(Find(with, "UnneededFilesInContext")->message,
              "web/node_modules (installed Node packages) is in the context: 20.0 MB in 1 file");
}

TEST(OwnRulesTest, RulesCanBeChosenByName) {
  Case given;
  given.dockerfile = "from alpine\nRUN apt-get update\n";
  given.only = {"AptUpdateAlone"};
  EXPECT_THAT(OwnFindings(given), testing::ElementsAre("2 AptUpdateAlone"));
  EXPECT_THAT(DockerFindings(given), IsEmpty());
}

TEST(OwnRulesTest, ErrorsOfARecipeHaveAPlaceAndASuggestion) {
  Case given;
  given.dockerfile = "FROM alpine AS builder\nFROM scratch\nCOPPY a b\n";
  CheckReport report = Check(given);
  ASSERT_NE(Find(report, "RecipeError"), nullptr);
  EXPECT_EQ(Find(report, "RecipeError")->line, 3u);
  EXPECT_EQ(Find(report, "RecipeError")->column, 1u);
  EXPECT_THAT(Find(report, "RecipeError")->fix, HasSubstr("did you mean COPY?"));
  given.dockerfile = "FROM alpine AS builder\nFROM scratch\n";
  given.target = "bulder";
  report = Check(given);
  ASSERT_NE(Find(report, "RecipeError"), nullptr);
  EXPECT_THAT(Find(report, "RecipeError")->fix, HasSubstr("did you mean builder?"));
}

}  // namespace
}  // namespace crossmill::check
