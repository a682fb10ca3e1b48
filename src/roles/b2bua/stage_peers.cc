// Who the role talks to: what each of them answers.
#include <algorithm>

#include "roles/b2bua/stage.h"

namespace tandem::roles::b2bua {

using ports::Letter;

ports::TrunkReply Stage::ways_of(const ports::TrunkQuery& wanted) const {
    ports::TrunkReply reply;
    if (trunk_is_unknown) reply.failure = "there is no such trunk";
    for (const uint16_t port : trunk_ports_) {
        if (trunk_is_unknown) break;
        ports::Binding way;
        way.contact = "sip:" + wanted.number + "@provider.test";
        way.flow = flow_of(port, ports::Transport::Udp);
        way.flow.gate = kTrunkGate;
        reply.ways.push_back(std::move(way));
    }
    return reply;
}

ports::CallsPage Stage::known_calls_of(AccountId account) {
    ports::CallsPage page;
    for (const auto& [number, id] : accounts_) {
        if (id != account) continue;
        for (uint64_t n = 0; n < calls_of[number]; ++n)
            page.calls.emplace_back().callee_account = id;
        for (uint64_t n = 0; n < rings_of[number]; ++n) page.calls.emplace_back().ringing = {id};
    }
    page.total = page.calls.size();
    return page;
}

void Stage::play(Letter& letter) {
    const auto answer = [&](auto payload) {
        role_->on_letter(now, Letter{letter.to, kSelf, letter.request, std::move(payload)}, out_);
    };
    if (letter.to == letter.from) {  // to itself
        role_->on_letter(now, std::move(letter), out_);
    } else if (auto* sip = get_if<ports::SipOutbound>(&letter.payload)) {
        sent_.push_back(std::move(*sip));
    } else if (holds_alternative<ports::SipInbound>(letter.payload)) {
        passed_on.push_back(std::move(letter));
    } else if (const auto* query = get_if<ports::BindingsQuery>(&letter.payload)) {
        if (hold_bindings) return held_.push_back(std::move(letter));
        answer(ports::BindingsReply{bindings_[query->account], false});
    } else if (holds_alternative<ports::RingingQuery>(letter.payload)) {
        ports::CallsPage page;
        if (rings_at) page.calls.emplace_back().owner = rings_at;
        answer(std::move(page));
    } else if (const auto* wanted = get_if<ports::TrunkQuery>(&letter.payload)) {
        answer(ways_of(*wanted));
    } else if (holds_alternative<ports::LeaseAsk>(letter.payload)) {
        const uint32_t given = std::min<uint32_t>(leases, 1);
        leases -= given;
        answer(ports::LeaseGiven{given, 1, 0});
    } else if (const auto* returned = get_if<ports::LeaseReturned>(&letter.payload)) {
        leases += returned->count;
    } else if (holds_alternative<ports::MediaPlace>(letter.payload)) {
        if (has_room) return answer(ports::MediaPlaced{kMedia, std::nullopt});
        answer(ports::MediaPlaced{{}, make_error(ErrorCode::Unavailable, "", "no room")});
    } else if (const auto* request = get_if<ports::MediaRequest>(&letter.payload)) {
        if (hold_media) return held_.push_back(std::move(letter));
        answer_media(letter, *request);
    } else if (const auto* counted = get_if<ports::CallsQuery>(&letter.payload)) {
        answer(known_calls_of(counted->account));
    } else if (auto* asked = get_if<ports::EntityRequest>(&letter.payload)) {
        changes.push_back(std::move(*asked));
        ports::EntityReply done;
        if (changes_refused) {
            done.error = make_error(ErrorCode::OutOfRange, "forward_busy", "is the account itself");
        }
        answer(std::move(done));
    } else if (const auto* change = get_if<store::Request>(&letter.payload)) {
        if (hold_store) return held_.push_back(std::move(letter));
        store::Outbox done;
        store_.apply(now.mono, *change, done);
        for (store::Reply& reply : done.replies) answer(std::move(reply));
    } else if (auto* report = get_if<ports::CallReport>(&letter.payload)) {
        reports.push_back(std::move(*report));
    } else if (auto* keep = get_if<ports::MessageKeep>(&letter.payload)) {
        if (keeps_messages) kept.push_back(std::move(*keep));
        answer(ports::MessageKept{keeps_messages});
    } else if (const auto* done = get_if<ports::MessageDelivered>(&letter.payload)) {
        delivered.push_back(done->status);
    }
}

void Stage::answer_media(const Letter& letter, const ports::MediaRequest& request) {
    media.push_back(request);
    ports::MediaReply reply;
    reply.context = request.context;
    if (media_refuses) reply.error = make_error(ErrorCode::Unavailable, "", "full");
    if (request.must_exist && !contexts_.contains(request.context)) {
        reply.error = make_error(ErrorCode::NotFound, "context", "unknown", 481);
    }
    if (!reply.error) contexts_.insert(request.context);
    if (request.close) contexts_.erase(request.context);
    for (const ports::TerminationSettings& set : request.set) {
        ports::LocalTermination local{set.termination, {}};
        for (size_t i = 0; i < set.streams.size(); ++i) {
            const IpAddress ip = *IpAddress::parse("198.51.100.9");
            const auto port =
                static_cast<uint16_t>(media_first_port_ + set.termination * 100 + i * 2);
            local.streams.push_back({{ip, port}, {ip, static_cast<uint16_t>(port + 1)}});
        }
        reply.local.push_back(std::move(local));
    }
    if (request.close) {
        ports::StreamStatistics stream;
        stream.termination = 1;
        stream.packets_received = 50;
        reply.statistics.push_back(stream);
        stream.termination = 2;
        stream.srtp = true;
        reply.statistics.push_back(stream);
    }
    if (media_replies_lost) return;
    role_->on_letter(now, Letter{kMedia, kSelf, letter.request, std::move(reply)}, out_);
}

}  // namespace tandem::roles::b2bua
