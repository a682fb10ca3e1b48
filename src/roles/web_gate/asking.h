// WebGate::ask: puts a request's question to the role that knows, or answers 503.
#pragma once

#include "roles/web_gate/limits.h"
#include "roles/web_gate/problem.h"
#include "roles/web_gate/web_gate.h"

namespace tandem::roles::web_gate {

template <typename T>
void WebGate::ask(Now now, Incoming incoming, ports::Instance whom, T question,
                  ports::Outbox& out) {
    if (!whom) {
        respond(incoming.letter, problem(503, "nobody who could answer can be reached"), out);
        return;
    }
    const uint64_t request = remember(now, std::move(incoming), reply_deadline);
    out.send(around_.self, whom, std::move(question), request);
}

}  // namespace tandem::roles::web_gate
