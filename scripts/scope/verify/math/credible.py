"""Rules that reject a prediction although math-verify finds it equal to the gold.

Arguments are parsed SymPy objects. A false positive trains on a wrong answer, so a rule can only reject.
"""

from typing import Any

LARGEST_EXPONENT = 1_000_000
LARGEST_FACTORIAL = 5_000
LARGEST_BINOMIAL = 100_000
TOLERANCE = 1e-5


def affordable(expression: Any) -> bool:
    """Whether its powers, factorials and binomials can be computed: 9^{9^{9^9}} cannot."""
    import sympy

    for node in sympy.postorder_traversal(expression):
        if isinstance(node, sympy.Pow) and not _at_most(node.exp, LARGEST_EXPONENT):
            return False
        if isinstance(node, sympy.factorial) and not _at_most(node.args[0], LARGEST_FACTORIAL):
            return False
        if isinstance(node, sympy.binomial) and not _at_most(node.args[0], LARGEST_BINOMIAL):
            return False
    return True


def evaluated(prediction: Any, gold: Any) -> bool:
    """Whether the answer is evaluated: no integral, sum, product, limit or derivative, unless the gold has one."""
    import sympy

    tasks = (sympy.Integral, sympy.Sum, sympy.Product, sympy.Limit, sympy.Derivative)
    values = [equation.rhs for equation in _equations(prediction)] or [prediction]
    return gold.has(*tasks) or any(not value.has(*tasks) for value in values)


def _at_most(expression: Any, limit: int) -> bool:
    """Whether a number is within the limit; an expression that is not a number is not computed, so it passes."""
    value = abs(expression.evalf(5)) if expression.is_number else None
    return value is None or not value.is_comparable or bool(value <= limit)


def credible(prediction: Any, gold: Any) -> bool:
    """Whether a prediction that math-verify accepts is correct by every rule below."""
    return (
        no_false_equation(prediction)
        and (same_variables(prediction, gold) if _has_relation(gold) else names_the_answer(prediction))
        and same_scale(prediction, gold)
        and same_letters(prediction, gold)
        and same_solutions(prediction, gold)
    )


def no_false_equation(prediction: Any) -> bool:
    """math-verify reads 3 = 7 as 7: an equation between plain numbers must hold."""
    from math_verify import verify

    return all(verify(eq.lhs, eq.rhs, timeout_seconds=None) for eq in _equations(prediction) if _is_arithmetic(eq.lhs))


def names_the_answer(prediction: Any) -> bool:
    """math-verify reads 2x = 14 as 14: where the gold is a value, the left side may name it, not lead to it."""
    return all(not _variables(eq.lhs) or _is_name(eq.lhs) for eq in _equations(prediction))


def same_variables(prediction: Any, gold: Any) -> bool:
    """math-verify accepts two relations as equal that cannot be solved, such as n = n and gcd(m, n) = 1."""
    return not _has_relation(prediction) or _variables(prediction) == _variables(gold)


def same_scale(prediction: Any, gold: Any) -> bool:
    """math-verify treats values below 1e-15 as 0, so 1/2004! as 1/2006!: check the relative error too."""
    import sympy

    both = (prediction, gold)
    if not all(isinstance(x, sympy.Expr) and x.is_number and not x.has(sympy.UnevaluatedExpr) for x in both):
        return True
    a, b = (x.evalf(30) for x in both)
    return bool(a == b or (a.is_finite and b.is_finite and abs(a - b) <= TOLERANCE * max(abs(a), abs(b))))


def same_letters(prediction: Any, gold: Any) -> bool:
    """math-verify treats a symbol such as \\text{abc} as a product of letters, and ignores case: b for B."""
    import sympy

    if not (isinstance(prediction, sympy.Symbol) or isinstance(gold, sympy.Symbol)):
        return True
    one, other = (sorted("".join("e" if x is sympy.E else str(x) for x in e.args or [e])) for e in (prediction, gold))
    return one == other


def same_solutions(prediction: Any, gold: Any) -> bool:
    """math-verify accepts two equations without solutions as equal, such as x^2 = -1 and x^2 = -2."""
    import sympy

    if not (isinstance(prediction, sympy.Eq) and isinstance(gold, sympy.Eq)):
        return True
    gap = (prediction.lhs - prediction.rhs) - (gold.lhs - gold.rhs)  # pyright: ignore[reportOperatorIssue]
    return gap == 0 or sympy.expand(gap) == 0 or bool(sympy.solve(gold, gold.free_symbols))


def _equations(expression: Any) -> set[Any]:
    import sympy

    return {node for node in sympy.preorder_traversal(expression) if isinstance(node, sympy.Eq)}


def _has_relation(expression: Any) -> bool:
    from sympy.core.relational import Relational

    return expression.has(Relational)


def _is_arithmetic(expression: Any) -> bool:
    """Whether it has only numbers, and no sums, integrals and the like that a problem may ask for."""
    import sympy

    plain = (sympy.Number, sympy.NumberSymbol, sympy.Add, sympy.Mul, sympy.Pow, sympy.factorial)
    return all(isinstance(node, plain) for node in sympy.preorder_traversal(expression))


def _variables(expression: Any) -> set[Any]:
    from sympy.core.function import AppliedUndef

    return expression.free_symbols | expression.atoms(AppliedUndef)


def _is_name(expression: Any) -> bool:
    """x, a + b, f(2) and AB/CD are names; -x, 1/x, 2x, x + 1 and x^2 are not."""
    import sympy
    from sympy.core.function import AppliedUndef

    bare = expression.replace(lambda node: isinstance(node, AppliedUndef), lambda _: sympy.Dummy())
    if isinstance(bare, sympy.Expr) and (bare.as_coeff_Mul()[0] != 1 or not sympy.fraction(bare)[0].free_symbols):
        return False
    if any(arg.is_Number for total in bare.atoms(sympy.Add) for arg in total.args):
        return False
    return not bare.atoms(sympy.Number) - {sympy.Integer(1), sympy.Integer(-1)}
