// What a build's verdict has to be (--require reproducible, --min-hosts), for whoever waits for it: the
// command line and BuildKit's clients. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "crossmill/v1/build.pb.h"

namespace crossmill {

// --require and --min-hosts.
struct Requirement {
  bool reproducible = false;
  // 0: any number.
  uint32_t min_hosts = 0;
};

// The verdict of the cell does not rest on executions on so many hosts: a step of its has witnesses on fewer.
// An emulated execution is one on the host that emulates. Where no step was executed at all there is nothing
// that another host could do otherwise.
bool RestsOnFewerHosts(const v1::CellView& cell, uint32_t hosts);

// By which a requirement that is not met is told: a sentence.
std::string UnmetText(v1::Verdict verdict, bool too_few_hosts, const Requirement& requirement);

// The sentence, if a build that succeeded does not meet the requirement; empty: it does.
std::string UnmetBy(const v1::BuildView& build, const Requirement& requirement);

}  // namespace crossmill
