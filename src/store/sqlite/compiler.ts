// Writes SQL as the query builder has it, but for one thing. Since 3.46 SQLite reads the value of a parameter that stands alone after LIMIT
// when it plans a query, and so plans it anew at each execution: four times the cost of a short query. It does not look into a sum.
import { type LimitNode, SqliteQueryCompiler } from 'kysely';

export class Compiler extends SqliteQueryCompiler {
  protected override visitLimit(node: LimitNode): void {
    super.visitLimit(node);
    if (this.getSql().endsWith('?')) this.append(' + 0');
  }
}
