// What RUN commands install: shell text in its many forms, and each installer's options.
#include "common/predict/commands/install_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace crossmill::predict {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::Run RunOf(const std::string& text, const std::vector<std::string>& env = {},
              const std::string& shell = "/bin/sh") {
  v1::Run run;
  run.add_argv(shell);
  run.add_argv("-c");
  run.add_argv(text);
  run.add_env("PATH=/usr/local/bin:/usr/bin:/bin");
  for (const std::string& one : env) run.add_env(one);
  run.set_cwd("/app");
  return run;
}

std::string Asked(const RootRequirement& root) {
  std::string text = root.editable ? "-e " : "";
  if (!root.requirement.has_value()) {
    text += root.location;
    if (!root.extras.empty()) text += fmt::format("[{}]", absl::StrJoin(root.extras, ","));
    return text;
  }
  text += root.requirement->name;
  if (!root.requirement->extras.empty())
    text += fmt::format("[{}]", absl::StrJoin(root.requirement->extras, ","));
  text += root.requirement->specifier.Text();
  if (!root.requirement->url.empty()) text += " @ " + root.requirement->url;
  if (root.requirement->marker.has_value()) text += "; " + root.requirement->marker->Text();
  return text;
}

// "PROGRAM: REQUIREMENT, -r FILE, -c FILE", with "?" in front of what may not run.
std::string Told(const Install& install) {
  std::vector<std::string> parts;
  for (const RootRequirement& root : install.requirements) parts.push_back(Asked(root));
  for (const InstallFile& file : install.files) {
    static constexpr const char* kSigns[] = {"-r ", "-c ", "-b ", "--overrides "};
    parts.push_back(kSigns[static_cast<int>(file.kind)] + file.path);
  }
  return fmt::format("{}{}: {}", install.conditional ? "? " : "", install.program,
                     absl::StrJoin(parts, ", "));
}

// Of all installs; what is not understood begins with "!".
std::vector<std::string> Told(const v1::Run& run) {
  const InstallCommands commands = ReadInstallCommands(run);
  std::vector<std::string> told;
  for (const Install& install : commands.installs) told.push_back(Told(install));
  for (const NotUnderstood& one : commands.not_understood) told.push_back("! " + one.why);
  return told;
}

std::vector<std::string> Shell(const std::string& text, const std::vector<std::string>& env = {}) {
  return Told(RunOf(text, env));
}

Install One(const std::string& text, const std::vector<std::string>& env = {}) {
  const InstallCommands commands = ReadInstallCommands(RunOf(text, env));
  EXPECT_THAT(commands.not_understood, IsEmpty()) << text << ": " << commands.not_understood[0].why;
  EXPECT_THAT(commands.installs, SizeIs(1)) << text;
  return commands.installs.empty() ? Install() : commands.installs[0];
}

TEST(InstallCommandsTest, ShellText) {
  struct Case {
    const char* text;
    std::vector<std::string> told;
  };
  const std::vector<Case> cases = {
      {"pip install flask", {"pip: flask"}},
      {"apt-get update && apt-get install -y gcc && pip install flask 'django>=4,<5' && rm -rf /x",
       {"pip: flask, django>=4,<5"}},
      {"pip install a; pip3 install b\npip3.11 install c", {"pip: a", "pip3: b", "pip3.11: c"}},
      {"set -eux; pip install \\\n    a \\\n    # comment\n    b", {"pip: a"}},
      {"pip install \\\n  a \\\n  \"b[x,y]>=2\"", {"pip: a, b[x,y]>=2"}},
      {"(cd lib && pip install .) && pip install ./other", {"pip: .", "pip: ./other"}},
      {"{ pip install a; }", {"pip: a"}},
      {"python -m pip install a", {"python: a"}},
      {"python3.12 -Im pip install a", {"python3.12: a"}},
      {"/opt/venv/bin/pip install a", {"/opt/venv/bin/pip: a"}},
      {"sudo -H -u app pip install a", {"pip: a"}},
      {"env A=b pip install a", {"pip: a"}},
      {"time nice -n 5 timeout 300 pip install a", {"pip: a"}},
      {"sh -c 'pip install a'", {"pip: a"}},
      {"bash -euxo pipefail -c \"pip install a && pip install b\"", {"pip: a", "pip: b"}},
      {"bash <<EOF\npip install a\nEOF\npip install b", {"pip: a", "pip: b"}},
      {"pip install -r /dev/stdin <<EOF\na==1\nEOF", {"pip: -r /dev/stdin"}},
      {"eval \"pip install a\"", {"pip: a"}},
      {"! false && pip install a", {"pip: a"}},
      {"echo pip install a", {}},
      {"echo 'pip install a' > notes; grep pip install notes", {}},
      {"# pip install a", {}},
      {"pip --version; pip list; pip freeze; pip cache purge; pip config list", {}},
      {"pip install --dry-run a", {}},
      {"exit 0; pip install a", {}},
      {"pip install a || true", {"pip: a"}},
      {"pip install a > log 2>&1", {"pip: a"}},
      {"pip install a | tee log", {"pip: a"}},
      {"pip install --no-cache-dir --upgrade pip setuptools wheel", {"pip: pip, setuptools, wheel"}},
  };
  for (const Case& one : cases) EXPECT_EQ(Shell(one.text), one.told) << one.text;
}

TEST(InstallCommandsTest, Variables) {
  const std::vector<std::string> env = {"VERSION=2.0", "PACKAGES=a b", "EMPTY="};
  EXPECT_THAT(Shell("pip install flask==$VERSION", env), ElementsAre("pip: flask==2.0"));
  EXPECT_THAT(Shell("pip install $PACKAGES", env), ElementsAre("pip: a, b"));
  EXPECT_THAT(Shell("pip install a$EMPTY $EMPTY ${NOT:-c} ${VERSION:+d}", env), ElementsAre("pip: a, c, d"));
  EXPECT_THAT(Shell("V=3; pip install \"a==${V}\""), ElementsAre("pip: a==3"));
  EXPECT_THAT(Shell("export V=3 && pip install \"a==${V}\""), ElementsAre("pip: a==3"));
  EXPECT_THAT(Shell("for p in a 'b>1'; do pip install \"$p\"; done"), ElementsAre("pip: a", "pip: b>1"));
  EXPECT_THAT(Shell("V=$(cat v); pip install a==$V"), ElementsAre("! the value of $V is not known"));
  EXPECT_THAT(Shell("pip install $(cat list)"), ElementsAre(HasSubstr("! what $(cat list) gives")));
  EXPECT_THAT(Shell("read p; pip install $p"), ElementsAre("! the value of $p is not known"));
  EXPECT_THAT(Shell("pip install /wheels/*.whl"),
              ElementsAre("! which files /wheels/*.whl stands for is not known"));
  EXPECT_THAT(Shell("pip install a==1.*"), ElementsAre("pip: a==1.*"));
  EXPECT_THAT(Shell("cat list | xargs pip install"),
              ElementsAre("! how xargs starts an installer is not known"));
}

TEST(InstallCommandsTest, Conditions) {
  const std::vector<std::string> env = {"DEV=true", "ARCH=arm64"};
  EXPECT_THAT(Shell("if [ \"$DEV\" = \"true\" ]; then pip install a; else pip install b; fi", env),
              ElementsAre("pip: a"));
  EXPECT_THAT(Shell("if [ \"$DEV\" != true ]; then pip install a; else pip install b; fi", env),
              ElementsAre("pip: b"));
  EXPECT_THAT(Shell("if [ -f x ]; then pip install a; else pip install b; fi; pip install c"),
              ElementsAre("? pip: a", "? pip: b", "pip: c"));
  EXPECT_THAT(Shell("[ -f x ] && pip install a"), ElementsAre("? pip: a"));
  EXPECT_THAT(Shell("[ -n \"$DEV\" ] && pip install a", env), ElementsAre("pip: a"));
  EXPECT_THAT(Shell("[ -z \"$DEV\" ] && pip install a", env), IsEmpty());
  EXPECT_THAT(Shell("pip install a || pip install b"), ElementsAre("pip: a", "? pip: b"));
  EXPECT_THAT(
      Shell("case $ARCH in amd64) pip install a ;; arm64|aarch64) pip install b ;; *) pip install c ;; esac",
            env),
      ElementsAre("pip: b"));
  EXPECT_THAT(Shell("case $(uname -m) in x86_64) pip install a;; *) pip install b;; esac"),
              ElementsAre("? pip: a", "? pip: b"));
  EXPECT_THAT(Shell("if [[ $DEV == true ]]; then pip install a; fi", env), ElementsAre("pip: a"));
  EXPECT_THAT(Shell("V=1; if [ -f x ]; then V=2; fi; pip install a==$V"),
              ElementsAre("! the value of $V is not known"));
  EXPECT_THAT(Shell("f() { pip install a; }; f"), ElementsAre("? pip: a"));
  EXPECT_THAT(Shell("while read p; do pip install a; done < list"), ElementsAre("? pip: a"));
  EXPECT_THAT(Shell("for f in *.txt; do pip install -r $f; done"),
              ElementsAre("! the value of $f is not known"));
}

TEST(InstallCommandsTest, WhatIsNotUnderstoodSaysWhy) {
  for (const auto& [text, why] : std::vector<std::pair<const char*, const char*>>{
           {"./install.sh", "what it runs is not looked at"},
           {"bash install.sh", "what the script runs is not looked at"},
           {"make install", "what it runs is not looked at"},
           {"python setup.py install", "setup.py installs"},
           {"curl x | python get-pip.py", "get-pip.py installs pip"},
           {"pipx install a", "pipx is not understood here"},
           {"pipenv install --system", "pipenv is not understood here"},
           {"conda install a", "conda is not understood here"},
           {"retry 3 pip install a", "how retry starts an installer is not known"},
           {"pip install --frobnicate a", "the option --frobnicate is not known"},
           {"pip install --no a", "--no is ambiguous"},
           {"pip install -r", "the option requirement lacks its value"},
           {"pip install", "pip is not told what to install"},
           {"pip install 'a=1'", "'a=1' is no requirement"},
           {"pip install --group dev", "pip's option --group"},
           {"uv add a", "uv add is not understood here"},
           {"uv pip install --prerelease explicit a", "uv's --prerelease explicit"},
           {"poetry add a", "poetry add"},
           {"$(which pip) install a", "gives is known only when it runs"},
           {"pip install \"a", "a quote does not end"},
           {"if true; then pip install a", "'fi' was expected"},
           {". ./env.sh; echo", "what the script sets in the shell"},
           {"cat x | sh", "what the shell reads from another program"}}) {
    const std::vector<std::string> told = Shell(text);
    ASSERT_THAT(told, SizeIs(1)) << text;
    EXPECT_THAT(told[0], HasSubstr(why)) << text;
    EXPECT_TRUE(told[0].starts_with("!")) << text;
  }
}

TEST(InstallCommandsTest, PipsOptions) {
  const Install install = One(
      "pip install -i https://index.example/simple --extra-index-url=https://x.example -f ./wheels -rreq.txt "
      "-c con.txt -e '.[dev,test]' --no-deps --no-binary :all: --only-binary numpy,scipy --prefer-binary "
      "--pre "
      "--require-hashes --no-build-isolation --upgrade --upgrade-strategy eager --break-system-packages "
      "--force-reinstall --ignore-installed --target /t --prefix=/p --root /r --user -qq --trusted-h "
      "x.example "
      "./dir https://files.example/a-1.0.tar.gz 'b; python_version<\"3\"' -- c");
  EXPECT_EQ(Told(install),
            "pip: ./dir, https://files.example/a-1.0.tar.gz, b; python_version < \"3\", c, -e .[dev,test], "
            "-r req.txt, -c "
            "con.txt");
  EXPECT_EQ(install.rules.index_url, "https://index.example/simple");
  EXPECT_THAT(install.rules.extra_index_urls, ElementsAre("https://x.example"));
  EXPECT_THAT(install.rules.find_links, ElementsAre("./wheels"));
  EXPECT_FALSE(install.rules.format.AllowsWheels("flask"));
  EXPECT_TRUE(install.rules.format.AllowsWheels("numpy"));
  EXPECT_FALSE(install.rules.format.AllowsSources("numpy"));
  EXPECT_TRUE(install.rules.prefer_binary && install.rules.pre && install.rules.require_hashes);
  EXPECT_TRUE(install.rules.no_build_isolation && install.rules.break_system_packages &&
              install.rules.no_dependencies);
  EXPECT_EQ(install.rules.upgrade, Upgrade::kEager);
  EXPECT_EQ(install.target + install.prefix + install.root, "/t/p/r");
  EXPECT_TRUE(install.user);
  EXPECT_EQ(install.folder, "/app");
  EXPECT_EQ(One("pip wheel -w /w a").action, Install::Action::kWheel);
  EXPECT_EQ(One("pip download -d /w a").action, Install::Action::kDownload);
  const Install cross =
      One("pip --no-cache-dir install --python-version 3.12 --platform p1 --platform p2 --abi cp312 a");
  EXPECT_EQ(cross.rules.python_version, "3.12");
  EXPECT_THAT(cross.rules.platforms, ElementsAre("p1", "p2"));
}

TEST(InstallCommandsTest, PipsSettings) {
  const std::vector<std::string> env = {"PIP_INDEX_URL=https://index.example",
                                        "PIP_CONSTRAINT=/c1 /c2",
                                        "PIP_NO_BINARY=a",
                                        "PIP_PRE=yes",
                                        "PIP_NO_DEPS=0",
                                        "PIP_NO_CACHE_DIR=off",
                                        "PIP_TARGET="};
  Install install = One("pip install a", env);
  EXPECT_EQ(Told(install), "pip: a, -c /c1, -c /c2");
  EXPECT_EQ(install.rules.index_url, "https://index.example");
  EXPECT_FALSE(install.rules.format.AllowsWheels("a"));
  EXPECT_TRUE(install.rules.pre);
  EXPECT_FALSE(install.rules.no_dependencies);
  install = One("PIP_PRE=0 pip install -i https://other.example --no-binary :none: a", env);
  EXPECT_EQ(install.rules.index_url, "https://other.example");
  EXPECT_TRUE(install.rules.format.AllowsWheels("a"));
  EXPECT_FALSE(install.rules.pre);
  EXPECT_FALSE(One("pip --isolated install a", env).rules.index_url.has_value());
  EXPECT_FALSE(One("env -i pip install a", env).rules.index_url.has_value());
  // Not exported: pip does not see it.
  EXPECT_FALSE(One("PIP_PRE=1; pip install a").rules.pre);
  EXPECT_TRUE(One("export PIP_PRE=1; pip install a").rules.pre);
  EXPECT_THAT(Shell("PIP_PRE=maybe pip install a"),
              ElementsAre(HasSubstr("! pip takes 'maybe' for no value of PIP_PRE")));
  EXPECT_THAT(Shell("export PIP_INDEX_URL=$(cat x); pip install a"),
              ElementsAre("! the value of $PIP_INDEX_URL is not known"));
}

TEST(InstallCommandsTest, Uv) {
  Install install =
      One("uv pip install --system -r requirements.txt 'a[x]>1' -e . --no-binary b --only-binary c");
  EXPECT_EQ(install.tool, Install::Tool::kUvPip);
  EXPECT_EQ(Told(install), "uv: a[x]>1, -e ., -r requirements.txt");
  EXPECT_TRUE(install.system);
  EXPECT_FALSE(install.rules.format.AllowsWheels("b"));
  EXPECT_FALSE(install.rules.format.AllowsSources("c"));
  install =
      One("uv --no-cache pip install -p /opt/venv/bin/python --index name=https://x.example --default-index "
          "https://y.example -U a");
  EXPECT_EQ(install.python, "/opt/venv/bin/python");
  EXPECT_EQ(install.rules.index_url, "https://y.example");
  EXPECT_THAT(install.rules.extra_index_urls, ElementsAre("https://x.example"));
  EXPECT_EQ(install.rules.upgrade, Upgrade::kEager);
  install = One("uv pip install a", {"UV_SYSTEM_PYTHON=1", "UV_INDEX_URL=https://index.example",
                                     "UV_CONSTRAINT=c.txt", "UV_NO_BUILD=true"});
  EXPECT_TRUE(install.system);
  EXPECT_EQ(install.rules.index_url, "https://index.example");
  EXPECT_EQ(Told(install), "uv: a, -c c.txt");
  EXPECT_FALSE(install.rules.format.AllowsSources("a"));
  EXPECT_EQ(One("uv pip sync requirements.txt").action, Install::Action::kSync);
  EXPECT_EQ(One("python -m uv pip install a").program, "python");
  EXPECT_EQ(One(". /opt/venv/bin/activate && uv pip install a").virtual_environment, "/opt/venv");
  EXPECT_EQ(One(". venv/bin/activate && pip install a").path_variable,
            "/app/venv/bin:/usr/local/bin:/usr/bin:/bin");
  install =
      One("cd sub && uv sync --frozen --no-dev --no-install-project --extra x --group docs "
          "--no-binary-package a");
  EXPECT_EQ(install.tool, Install::Tool::kUvSync);
  EXPECT_EQ(install.folder, "/app/sub");
  EXPECT_TRUE(install.without_dev && install.without_project);
  EXPECT_THAT(install.extras, ElementsAre("x"));
  EXPECT_THAT(install.groups, ElementsAre("docs"));
  EXPECT_EQ(install.virtual_environment, ".venv");
  EXPECT_EQ(One("uv sync", {"UV_PROJECT_ENVIRONMENT=/opt/venv"}).virtual_environment, "/opt/venv");
}

TEST(InstallCommandsTest, PoetryAndPdm) {
  Install install = One("poetry install --no-root --only main,web -E 'a b' --no-interaction --no-ansi");
  EXPECT_EQ(install.tool, Install::Tool::kPoetry);
  EXPECT_TRUE(install.only_groups && install.without_project);
  EXPECT_THAT(install.groups, ElementsAre("main", "web"));
  EXPECT_THAT(install.extras, ElementsAre("a", "b"));
  EXPECT_THAT(install.notes, SizeIs(1));
  EXPECT_TRUE(One("poetry install", {"POETRY_VIRTUALENVS_CREATE=false"}).system);
  install = One("pdm install --prod --no-self -G web,docs -p /srv");
  EXPECT_EQ(install.tool, Install::Tool::kPdm);
  EXPECT_TRUE(install.without_dev);
  EXPECT_THAT(install.groups, ElementsAre("web", "docs"));
  EXPECT_EQ(install.folder, "/srv");
  EXPECT_EQ(One("pdm sync").action, Install::Action::kSync);
  EXPECT_THAT(Shell("poetry --version; poetry config virtualenvs.create false; pdm lock"), IsEmpty());
}

TEST(InstallCommandsTest, EnvironmentsThatAreMade) {
  const InstallCommands commands =
      ReadInstallCommands(RunOf("python3.11 -m venv --system-site-packages /opt/venv && /opt/venv/bin/pip "
                                "install a && virtualenv -p python3.9 /v "
                                "&& uv venv --python 3.12 /u"));
  EXPECT_THAT(commands.not_understood, IsEmpty());
  ASSERT_THAT(commands.environments, SizeIs(3));
  EXPECT_EQ(commands.environments[0].path, "/opt/venv");
  EXPECT_EQ(commands.environments[0].python, "python3.11");
  EXPECT_TRUE(commands.environments[0].system_site_packages);
  EXPECT_EQ(commands.environments[1].python, "python3.9");
  EXPECT_EQ(commands.environments[2].python, "3.12");
}

TEST(InstallCommandsTest, ArgumentsAndHereDocuments) {
  v1::Run run;
  for (const char* word : {"pip", "install", "a", "$b"}) run.add_argv(word);
  EXPECT_THAT(Told(run), ElementsAre(HasSubstr("! '$b' is no requirement: ")));
  run.set_argv(3, "b");
  EXPECT_THAT(Told(run), ElementsAre("pip: a, b"));
  run = RunOf("bash /dev/pipes/EOF && pip install -r /dev/pipes/REQ");
  v1::InlineFile* file = run.add_files();
  file->set_name("EOF");
  file->set_content("pip install c\n");
  file = run.add_files();
  file->set_name("REQ");
  file->set_content("d\n");
  const InstallCommands commands = ReadInstallCommands(run);
  ASSERT_THAT(commands.installs, SizeIs(2));
  EXPECT_EQ(Told(commands.installs[0]), "pip: c");
  EXPECT_EQ(commands.installs[1].files[0].content, "d\n");
  EXPECT_THAT(One("pip install flask>=2").notes,
              ElementsAre("The shell takes >=2 for a file, not for a part of the requirement."));
}

// Each is a megabyte or so, or would be.
TEST(InstallCommandsTest, HostileTextIsBounded) {
  const auto repeat = [](std::string_view text, size_t count) {
    std::string all;
    for (size_t i = 0; i < count; ++i) all += text;
    return all;
  };
  for (const std::string& text :
       {repeat("(", 200'000),
        repeat("$(", 200'000),
        repeat("{ ", 200'000),
        repeat("if x; then ", 50'000),
        repeat("`", 99'999),
        repeat("cat <<a;", 100'000),
        repeat("cat <<a\na\n", 90'000),
        repeat("a=$a$a;", 100) + "pip install $a",
        "a=xx;" + repeat("a=$a$a;", 100) + "pip install $a",
        repeat("for a in 1 2 3 4 5; do ", 30) + "pip install x" + repeat("; done", 30),
        repeat("for a in 1 2 3 4 5; do ", 30) + repeat(" done", 30),
        repeat("pip install a;", 60'000),
        repeat("a", 1'100'000),
        repeat("sh -c 'sh -c ", 10'000),
        "pip install " + repeat("a ", 400'000),
        repeat("${a:-", 100'000),
        "eval " + repeat("eval ", 100'000),
        repeat("a|", 300'000) + "a",
        repeat("a&&", 300'000) + "a",
        repeat("f(){ ", 50'000),
        repeat("env ", 200'000) + "pip install a",
        repeat("case a in a) ", 40'000)}) {
    const InstallCommands commands = ReadInstallCommands(RunOf(text));
    EXPECT_LE(commands.installs.size(), 20'000U);
    EXPECT_LE(commands.not_understood.size(), 1000U);
  }
}

}  // namespace
}  // namespace crossmill::predict
