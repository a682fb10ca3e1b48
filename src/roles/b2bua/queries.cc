// What others ask of the owner of a call.
#include "roles/b2bua/b2bua_role.h"

namespace tandem::roles::b2bua {

using call::Call;

namespace {

Error no_such_call() {
    return make_error(ErrorCode::NotFound, "call", "no such call here");
}

}  // namespace

// Whether the letter was one of these questions.
bool B2buaRole::answer_query(Step& step, ports::Letter& letter) {
    const auto call_named = [&](CallId id) {
        Call* call = find(call::base_of(id));
        return call != nullptr && call->id() == id ? call : nullptr;
    };
    if (const auto* query = get_if<ports::CallDetailQuery>(&letter.payload)) {
        ports::CallDetail detail;
        if (const Call* call = call_named(query->call))
            detail.json = call->detail_json(query->side);
        else
            detail.error = no_such_call();
        step.out.reply(letter, std::move(detail));
        return true;
    }
    if (const auto* query = get_if<ports::CallTraceQuery>(&letter.payload)) {
        ports::CallTrace trace;
        if (const Call* call = call_named(query->call)) {
            trace.entries = call->trace().entries();
            std::erase_if(trace.entries, [&](const ports::CallTraceEntry& each) {
                const auto leg = static_cast<uint8_t>(each.leg);
                return !query->side.is_nil() && call->domain_of_leg(leg) != query->side;
            });
        } else {
            trace.error = no_such_call();
        }
        step.out.reply(letter, std::move(trace));
        return true;
    }
    if (const auto* query = get_if<ports::ReplacedQuery>(&letter.payload)) {
        ports::ReplacedFound found;
        found.error = no_such_call();
        for (const std::string& tag : {query->to_tag, query->from_tag}) {
            const auto token = around_.tokens.read(ports::TokenKind::Tag, tag);
            const Call* call = token ? call_of_leg(token->unique) : nullptr;
            if (call != nullptr && found.error) found = call->find_dialog(*query);
        }
        step.out.reply(letter, std::move(found));
        return true;
    }
    if (const auto* replaced = get_if<ports::CallReplaced>(&letter.payload)) {
        Call* call = call_named(replaced->call);
        if (call == nullptr) return true;
        with_call(step, *call, [&](auto& ctx) { call->on_replaced(ctx, replaced->by); });
        return true;
    }
    if (const auto* hangup = get_if<ports::CallHangup>(&letter.payload)) {
        ports::CallHangupDone done;
        Call* call = call_named(hangup->call);
        if (call == nullptr)
            done.error = no_such_call();
        else
            hang_up(step, *call, hangup->reason);
        step.out.reply(letter, std::move(done));
        return true;
    }
    if (holds_alternative<ports::CallReportWanted>(letter.payload)) {
        report_all(step, letter.from);
        return true;
    }
    if (holds_alternative<ports::MessageDeliver>(letter.payload)) {
        on_deliver(step, std::move(letter));
        return true;
    }
    if (holds_alternative<ports::RouteTest>(letter.payload)) {
        on_route_test(step, letter);
        return true;
    }
    return false;
}

}  // namespace tandem::roles::b2bua
