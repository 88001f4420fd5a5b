//! `$((…))`: signed 64-bit integers with C's operators.

use super::parser::is_name;

/// What an expression reads and writes.
pub trait Variables {
    /// The value of a variable; empty if it has none.
    fn get(&self, name: &str) -> String;
    /// Gives a variable a value.
    fn set(&mut self, name: &str, value: String);
}

/// Computes an expression.
///
/// # Errors
/// A message as the shell prints it.
pub fn evaluate(text: &str, variables: &mut dyn Variables) -> Result<i64, String> {
    let mut evaluation = Evaluation { rest: text, variables, is_live: true, depth: 0 };
    if text.trim().is_empty() {
        return Ok(0);
    }
    let value = evaluation.assignment()?;
    evaluation.skip();
    if evaluation.rest.is_empty() { Ok(value) } else { Err("arithmetic syntax error".to_owned()) }
}

struct Evaluation<'a> {
    rest: &'a str,
    variables: &'a mut dyn Variables,
    /// False in the branch that is not taken, where nothing is assigned and nothing divided.
    is_live: bool,
    depth: usize,
}

/// Binary operators with their binding strength. Longer ones stand before those they begin with.
const OPERATORS: &[(&str, u8)] = &[
    ("||", 1),
    ("&&", 2),
    ("==", 6),
    ("!=", 6),
    ("<<", 8),
    (">>", 8),
    ("<=", 7),
    (">=", 7),
    ("**", 11),
    ("|", 3),
    ("^", 4),
    ("&", 5),
    ("<", 7),
    (">", 7),
    ("+", 9),
    ("-", 9),
    ("*", 10),
    ("/", 10),
    ("%", 10),
];
const ASSIGNMENTS: &[&str] = &["+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="];
/// Parentheses deeper than this are refused, before the stack ends.
const DEEPEST: usize = 100;

impl Evaluation<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn assignment(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("expression recursion level exceeded".to_owned());
        }
        let before = self.rest;
        if let Some(name) = self.name() {
            if let Some(operator) = ASSIGNMENTS.iter().find(|sign| self.take(sign)) {
                let operand = self.assignment()?;
                let value = self.apply(&operator[..operator.len() - 1], self.value(&name)?, operand)?;
                self.depth -= 1;
                return Ok(self.assign(&name, value));
            }
            self.skip();
            if !self.rest.starts_with("==") && self.take("=") {
                let value = self.assignment()?;
                self.depth -= 1;
                return Ok(self.assign(&name, value));
            }
        }
        self.rest = before;
        let value = self.choice();
        self.depth -= 1;
        value
    }

    fn assign(&mut self, name: &str, value: i64) -> i64 {
        if self.is_live {
            self.variables.set(name, value.to_string());
        }
        value
    }

    fn choice(&mut self) -> Result<i64, String> {
        let condition = self.binary(0)?;
        if !self.take("?") {
            return Ok(condition);
        }
        let yes = self.when(condition != 0, Self::assignment)?;
        if !self.take(":") {
            return Err("arithmetic syntax error".to_owned());
        }
        let no = self.when(condition == 0, Self::assignment)?;
        Ok(if condition != 0 { yes } else { no })
    }

    fn when(
        &mut self,
        is_taken: bool,
        operand: impl FnOnce(&mut Self) -> Result<i64, String>,
    ) -> Result<i64, String> {
        let before = self.is_live;
        self.is_live &= is_taken;
        let value = operand(self);
        self.is_live = before;
        value
    }

    fn binary(&mut self, weakest: u8) -> Result<i64, String> {
        let mut left = self.unary()?;
        loop {
            self.skip();
            let found = OPERATORS.iter().find(|(sign, _)| self.rest.starts_with(sign));
            let Some((sign, strength)) = found.filter(|(_, strength)| *strength > weakest) else {
                return Ok(left);
            };
            self.take(sign);
            // `**` binds to the right.
            let weakest = if *sign == "**" { strength - 1 } else { *strength };
            let is_decided = (*sign == "&&" && left == 0) || (*sign == "||" && left != 0);
            let right = self.when(!is_decided, |rest| rest.binary(weakest))?;
            left = self.apply(sign, left, right)?;
        }
    }

    fn apply(&self, sign: &str, left: i64, right: i64) -> Result<i64, String> {
        Ok(match sign {
            "||" => i64::from(left != 0 || right != 0),
            "&&" => i64::from(left != 0 && right != 0),
            "|" => left | right,
            "^" => left ^ right,
            "&" => left & right,
            "==" => i64::from(left == right),
            "!=" => i64::from(left != right),
            "<" => i64::from(left < right),
            ">" => i64::from(left > right),
            "<=" => i64::from(left <= right),
            ">=" => i64::from(left >= right),
            "<<" => left.wrapping_shl(right as u32),
            ">>" => left.wrapping_shr(right as u32),
            "+" => left.wrapping_add(right),
            "-" => left.wrapping_sub(right),
            "*" => left.wrapping_mul(right),
            "**" if right < 0 => return Err("exponent less than 0".to_owned()),
            "**" => left.wrapping_pow(u32::try_from(right).unwrap_or(u32::MAX)),
            _ if right == 0 && self.is_live => return Err("divide by zero".to_owned()),
            _ if right == 0 => 0,
            "/" => left.wrapping_div(right),
            _ => left.wrapping_rem(right),
        })
    }

    fn unary(&mut self) -> Result<i64, String> {
        for (sign, change) in [("++", 1), ("--", -1)] {
            let before = self.rest;
            if self.take(sign) {
                if let Some(name) = self.name() {
                    let value = self.value(&name)?.wrapping_add(change);
                    return Ok(self.assign(&name, value));
                }
                self.rest = before;
            }
        }
        if self.take("!") {
            return Ok(i64::from(self.unary()? == 0));
        }
        if self.take("~") {
            return Ok(!self.unary()?);
        }
        if self.take("-") {
            return Ok(self.unary()?.wrapping_neg());
        }
        if self.take("+") {
            return self.unary();
        }
        self.operand()
    }

    fn operand(&mut self) -> Result<i64, String> {
        if self.take("(") {
            let value = self.assignment()?;
            return if self.take(")") { Ok(value) } else { Err("arithmetic syntax error".to_owned()) };
        }
        if let Some(name) = self.name() {
            let value = self.value(&name)?;
            for (sign, change) in [("++", 1), ("--", -1)] {
                if self.take(sign) {
                    self.assign(&name, value.wrapping_add(change));
                }
            }
            return Ok(value);
        }
        let length =
            self.rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        number(digits).ok_or_else(|| "arithmetic syntax error".to_owned())
    }

    fn name(&mut self) -> Option<String> {
        self.skip();
        let ends = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '_');
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        is_name(name).then(|| {
            self.rest = rest;
            name.to_owned()
        })
    }

    fn value(&self, name: &str) -> Result<i64, String> {
        let text = self.variables.get(name);
        let text = text.trim();
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        match digits {
            "" => Ok(0),
            _ => number(digits).map(|value| value * sign).ok_or_else(|| format!("bad number '{text}'")),
        }
    }
}

/// Decimal, `0x…` or octal `0…`.
fn number(digits: &str) -> Option<i64> {
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok();
    }
    match digits.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => i64::from_str_radix(octal, 8).ok(),
        _ => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    impl Variables for BTreeMap<String, String> {
        fn get(&self, name: &str) -> String {
            BTreeMap::get(self, name).cloned().unwrap_or_default()
        }

        fn set(&mut self, name: &str, value: String) {
            self.insert(name.to_owned(), value);
        }
    }

    #[test]
    fn expressions_should_have_cs_meaning() {
        let cases = [
            ("6*7", Ok(42)),
            ("1+2*3", Ok(7)),
            ("(1+2)*3", Ok(9)),
            ("2**3**2", Ok(512)),
            ("-7/2", Ok(-3)),
            ("7%3", Ok(1)),
            ("1<2 && 3>=3", Ok(1)),
            ("x", Ok(5)),
            ("x+=2", Ok(7)),
            ("x==5?10:20", Ok(10)),
            ("x++ + x", Ok(11)),
            ("y=x-1", Ok(4)),
            ("0x10 + 010", Ok(24)),
            ("1<<4|1", Ok(17)),
            ("!0", Ok(1)),
            ("0 && 1/0", Ok(0)),
            ("nothing", Ok(0)),
            ("", Ok(0)),
            ("1/0", Err("divide by zero")),
            ("1+", Err("arithmetic syntax error")),
            ("word", Err("bad number 'abc'")),
        ];
        for (text, expected) in cases {
            let mut variables =
                BTreeMap::from([("x".to_owned(), "5".to_owned()), ("word".to_owned(), "abc".to_owned())]);
            assert_eq!(evaluate(text, &mut variables), expected.map_err(str::to_owned), "{text}");
        }
    }
}
