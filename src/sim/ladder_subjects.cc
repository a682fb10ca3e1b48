#include "sim/b2bua_subject.h"
#include "sim/ladder.h"
#include "sim/leg_subject.h"
#include "sim/transactions_subject.h"

namespace tandem::sim {

std::unique_ptr<LadderSubject> make_ladder_subject(const LadderStep& first) {
    if (first.word(0) != "subject") return nullptr;
    if (first.word(1) == "transactions") return make_transactions_subject(first);
    if (first.word(1) == "b2bua") return make_b2bua_subject(first);
    if (first.word(1) == "leg") return make_leg_subject(first);
    return nullptr;
}

}  // namespace tandem::sim
