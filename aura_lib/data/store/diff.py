
from dataclasses import dataclass

import pandas as pd


@dataclass
class Diff:
    revised: pd.DataFrame
    actions: pd.DataFrame
def diff(keeper, old, new):
    a,b=keeper.get(old),keeper.get(new)
    rows=[]
    for s in a.symbols:
        if s in b.symbols:
            x=a.close[s].dropna(); y=b.close[s].reindex(x.index)
            rows += [(s,t) for t in x.index[(x!=y)]]
    return Diff(pd.DataFrame(rows), pd.DataFrame())
