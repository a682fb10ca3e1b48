// A question to the history of calls. One way through the records is chosen, the shortest that the
// question allows; what it does not decide is looked at in each record that it meets:
//
//   call, account                   their index, in the order of time
//   number, status in one domain    their index, in the order of time
//   beginning of a number, long calls, number or status of all domains
//                                   keys from the index, sorted, if they are few enough
//   all else                        the records of the domain (or all), from the newest back
//
// The last one may meet many records that do not fit. It ends when its time is over, with what it
// has found, and a cursor from where to go on.
#pragma once

#include "runtime/sqlite/cdr_history.h"
#include "runtime/sqlite/cdr_tables.h"

namespace tandem::runtime {

// Errors name the field of the query.
Result<CdrPage> search_cdrs(Database& database, DomainNumbers& domains, const CdrQuery& query);

}  // namespace tandem::runtime
