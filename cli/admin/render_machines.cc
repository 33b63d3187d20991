#include "cli/admin/render_machines.h"

#include "common/base/log.h"

namespace crossmill::cli {
namespace {

std::string StateOf(const v1::Invitation& invitation, int64_t now) {
  if (invitation.used_at() != 0) return "used " + FormatAge(invitation.used_at(), now);
  if (invitation.revoked_at() != 0) return "revoked " + FormatAge(invitation.revoked_at(), now);
  return (invitation.expires_at() <= now ? "expired " : "until ") + FormatRfc3339(invitation.expires_at());
}

std::string StateOf(const v1::Machine& machine, int64_t now) {
  if (machine.removed_at() != 0) return "removed " + FormatAge(machine.removed_at(), now);
  return (machine.expires_at() <= now ? "expired " : "until ") + FormatRfc3339(machine.expires_at());
}

std::string Or(const std::string& text, const char* other) { return text.empty() ? other : text; }

}  // namespace

std::string RenderFounded(const Json& founded) {
  const std::string data = founded.value("data", ""), address = founded.value("address", "");
  const std::string settings = founded.value("settings", ""), token = founded.value("token", "");
  const std::string token_file = founded.value("token_file", "");
  std::string text =
      fmt::format("a farm at {}\n  data       {}\n  settings   {}\n  authority  {}\n             sha256:{}\n",
                  address, data, settings, founded.value("authority", ""), founded.value("fingerprint", ""));
  if (!token.empty()) {
    text += fmt::format("  admin      {}\n             shown this once, and kept nowhere\n", token);
  } else if (!token_file.empty()) {
    text += fmt::format("  admin      its token is in {}\n", token_file);
  } else {
    text +=
        "  admin      there is an administrator already: `crossmill admin token create` makes more tokens\n";
  }
  const bool unit = settings == "/etc/crossmill/coordinator.toml";
  text += "next:\n  start it            ";
  text += unit ? "systemctl enable --now crossmill-coordinator\n"
               : fmt::format("crossmill-coordinator --config {}\n", settings);
  text += fmt::format("  log in, from here   crossmill --ca-file {} login {}\n",
                      founded.value("authority", ""), address);
  text += "  invite a machine    crossmill admin invite worker\n";
  return text;
}

std::string RenderInvitations(const InvitationList& invitations, int64_t now, const TextOptions& options) {
  if (invitations.empty()) return "there are no invitations; `crossmill admin invite worker` makes one\n";
  Table table({{"ID", Table::Align::kRight}, {"POOL"}, {"NAME"}, {"GOOD"}, {"WORKER"}, {"MADE BY"}}, 3);
  for (const v1::Invitation& invitation : invitations)
    table.Add({{fmt::format("{}", invitation.id())},
               {Or(invitation.pool(), "-")},
               {Or(invitation.name(), "any")},
               {StateOf(invitation, now)},
               {Or(invitation.worker(), "-")},
               {Or(invitation.created_by(), "operator")}});
  return table.Render(options);
}

Json InvitationsJson(const InvitationList& invitations) {
  Json list = Json::array();
  for (const v1::Invitation& invitation : invitations)
    list.push_back({{"id", invitation.id()},
                    {"pool", invitation.pool()},
                    {"name", invitation.name()},
                    {"created_at", FormatRfc3339(invitation.created_at())},
                    {"created_by", invitation.created_by()},
                    {"expires_at", FormatRfc3339(invitation.expires_at())},
                    {"used_at", FormatRfc3339(invitation.used_at())},
                    {"revoked_at", FormatRfc3339(invitation.revoked_at())},
                    {"worker", invitation.worker()}});
  return list;
}

std::string RenderMachines(const MachineList& machines, int64_t now, const TextOptions& options) {
  if (machines.empty())
    return "no worker has joined by an invitation; `crossmill worker ls` lists all workers\n";
  Table table({{"WORKER"}, {"POOL"}, {"CERTIFICATE"}, {"JOINED"}}, 2);
  for (const v1::Machine& machine : machines)
    table.Add({{machine.name(), Ink::kBold},
               {Or(machine.pool(), "-")},
               {StateOf(machine, now)},
               {FormatAge(machine.joined_at(), now)}});
  return table.Render(options);
}

Json MachinesJson(const MachineList& machines) {
  Json list = Json::array();
  for (const v1::Machine& machine : machines)
    list.push_back({{"name", machine.name()},
                    {"pool", machine.pool()},
                    {"fingerprint", machine.fingerprint()},
                    {"joined_at", FormatRfc3339(machine.joined_at())},
                    {"issued_at", FormatRfc3339(machine.issued_at())},
                    {"expires_at", FormatRfc3339(machine.expires_at())},
                    {"removed_at", FormatRfc3339(machine.removed_at())}});
  return list;
}

}  // namespace crossmill::cli
