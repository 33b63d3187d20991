// --summary: a run as Markdown for the job pages of GitHub, GitLab and their like. Pure.
#pragma once

#include <string>
#include <string_view>

#include "cli/pipeline/run.h"

namespace crossmill::cli {

// Any text as text of Markdown, on one line: nothing in it is markup, a mention, a reference or HTML.
std::string MarkdownText(std::string_view text);

// At most some 200 kB: job pages cut off what is longer than 1 MiB, and may show nothing of it.
std::string SummaryDocument(const PipelineRun& run);

}  // namespace crossmill::cli
