// What NOTIFYs say: how an account stands, in the words of each package.
#include <algorithm>

#include "roles/call_state/watchers.h"
#include "sip/event_bodies.h"
#include "sip/message_summary.h"
#include "sip/reginfo.h"
#include "sip/uri.h"

namespace tandem::roles::call_state {

using ports::CallPhase;
using ports::CallSummary;

namespace {

bool has(const std::vector<AccountId>& accounts, AccountId account) {
    return std::ranges::find(accounts, account) != accounts.end();
}

sip::DialogInfo::State state_of(const CallSummary& call) {
    if (call.phase == CallPhase::Answered || call.phase == CallPhase::Held)
        return sip::DialogInfo::State::Confirmed;
    return call.ringing.empty() ? sip::DialogInfo::State::Trying : sip::DialogInfo::State::Early;
}

}  // namespace

std::vector<CallSummary> Watchers::calls_of(AccountId account) const {
    std::vector<CallSummary> calls;
    for (const CallId id : index_.by_account(account)) {
        const CallSummary* call = index_.find(id);
        if (call != nullptr && call->phase != CallPhase::Ending) calls.push_back(*call);
    }
    return calls;
}

std::string Watchers::body_of(Now now, const Live& live) const {
    static const Watched kNobody;
    const auto found = watched_.find(live.is.watched);
    const Watched& watched = found == watched_.end() ? kNobody : found->second;
    switch (live.is.package) {
        case Package::Dialog:
            return dialogs_body(live);
        case Package::Presence:
            return presence_body(live, watched);
        case Package::MessageSummary:
            // Messages that were read are kept by the phones; a voice mailbox has none yet.
            return sip::message_summary({live.is.entity, {}, {watched.standing.messages(), 0}});
        case Package::Registration:
            return sip::reginfo(
                {live.is.entity, live.is.watched.text(), watched.standing.contacts(now.utc)},
                live.version);
    }
    return {};
}

std::string Watchers::presence_body(const Live& live, const Watched& watched) const {
    const KnownPresence known{watched.standing.is_reachable(), !calls_of(live.is.watched).empty()};
    return sip::write_pidf(live.is.entity, composed(known, publications_.of(live.is.watched)));
}

std::string Watchers::dialogs_body(const Live& live) const {
    const std::vector<CallSummary> calls = calls_of(live.is.watched);
    const std::string host = live.is.entity.substr(live.is.entity.find('@'));
    std::vector<sip::DialogInfo> dialogs;
    for (const CallSummary& call : calls) {
        sip::DialogInfo dialog;
        dialog.id = call.call.text();
        dialog.is_initiator = call.caller_account == live.is.watched;
        // Who has called himself is on both sides: one dialog says that he is busy.
        const bool is_called = call.callee_account == live.is.watched ||
                               call.consulted == live.is.watched ||
                               has(call.ringing, live.is.watched);
        if (!dialog.is_initiator && !is_called) continue;
        dialog.state = state_of(call);
        dialog.remote_uri =
            "sip:" + sip::escape_user(dialog.is_initiator ? call.callee : call.caller) + host;
        dialogs.push_back(std::move(dialog));
    }
    return sip::dialog_info(live.is.entity, live.version, dialogs);
}

}  // namespace tandem::roles::call_state
