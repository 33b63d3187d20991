#include "common/predict/commands/system_commands.h"

#include <gtest/gtest.h>

#include <string>

namespace crossmill::predict {
namespace {

bool OnlySystem(const std::string& text) {
  v1::Run run;
  for (const std::string& word : {std::string("/bin/sh"), std::string("-c"), text}) run.add_argv(word);
  run.add_env("PACKAGES=gcc make");
  return ChangesOnlyTheSystem(run);
}

TEST(SystemCommandsTest, ThePackageManagersOfDistributions) {
  for (const char* text :
       {"apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*",
        "set -eux; apt-get update; apt-get install -y $PACKAGES; rm -rf /var/lib/apt/lists/* /tmp/x",
        "apk add --no-cache gcc musl-dev", "groupadd -r app && useradd -r -g app app", "mkdir -p /var/app",
        "apt-get update > /dev/null 2>&1", "apt-get update >/dev/null && echo done"})
    EXPECT_TRUE(OnlySystem(text)) << text;
}

TEST(SystemCommandsTest, AnythingElseMayChangeAnything) {
  for (const char* text : {"apt-get install -y gcc && make install",
                           "pip install a",
                           "apt-get update && curl -o /usr/local/bin/pip x",
                           "rm -rf /usr/local/lib",
                           "rm -rf /var/../usr/local",
                           "apt-get -o Dir=/usr/local install x",
                           "apk add --root /opt gcc",
                           "echo x > /etc/pip.conf",
                           "apt-get install $(cat list)",
                           "$SHELL -c x",
                           "apt-get install 'a",
                           "useradd -m a && cp x /usr/local/bin/python3",
                           "eval x",
                           "> /usr/local/bin/pip",
                           ": > /etc/pip.conf",
                           "echo $(make install)",
                           "export A=`make install`",
                           "trap 'make install' EXIT; apt-get update",
                           "{ echo x; } > /etc/pip.conf",
                           "apt-get update 2> /etc/pip.conf"})
    EXPECT_FALSE(OnlySystem(text)) << text;
}

TEST(SystemCommandsTest, ArgumentsWithoutAShell) {
  v1::Run run;
  for (const char* word : {"apt-get", "install", "-y", "gcc"}) run.add_argv(word);
  EXPECT_TRUE(ChangesOnlyTheSystem(run));
  run.set_argv(0, "make");
  EXPECT_FALSE(ChangesOnlyTheSystem(run));
  EXPECT_FALSE(ChangesOnlyTheSystem(v1::Run()));
}

}  // namespace
}  // namespace crossmill::predict
