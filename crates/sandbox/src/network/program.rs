//! A small assembler for programs that the kernel runs (BPF): one method per instruction.

/// One instruction, as the kernel reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Instruction {
    code: u8,
    /// Destination in the low half, source in the high half.
    registers: u8,
    offset: i16,
    value: i32,
}

/// A register. `R0` holds what is returned, `R1` to `R5` arguments, which a call destroys; `R6` to
/// `R9` survive calls; `R10` is the end of 512 bytes of stack.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Register {
    R0 = 0,
    R1 = 1,
    R2 = 2,
    R3 = 3,
    R4 = 4,
    R5 = 5,
    R6 = 6,
    R7 = 7,
    R10 = 10,
}

/// A place that is jumped to. Programs only jump forward.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// How wide a load or store is.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Width {
    U16 = 0x08,
    U32 = 0x00,
    U64 = 0x18,
}

/// A program under construction.
#[derive(Debug, Default)]
pub(super) struct Program {
    instructions: Vec<Instruction>,
    /// Where labels are, once placed.
    labels: Vec<Option<usize>>,
    /// Jumps, and the labels they lead to.
    jumps: Vec<(usize, Label)>,
}

impl Program {
    /// `to = *(from + offset)`
    pub(super) fn load(
        &mut self,
        to: Register,
        from: Register,
        offset: i16,
        width: Width,
    ) -> &mut Self {
        self.push(0x61 | width as u8, to, from as u8, offset, 0)
    }

    /// `*(to + offset) = from`
    pub(super) fn store(
        &mut self,
        to: Register,
        offset: i16,
        from: Register,
        width: Width,
    ) -> &mut Self {
        self.push(0x63 | width as u8, to, from as u8, offset, 0)
    }

    /// `*(to + offset) = value`. The kernel takes this for the stack, not for a context.
    pub(super) fn store_value(
        &mut self,
        to: Register,
        offset: i16,
        value: u32,
        width: Width,
    ) -> &mut Self {
        self.push(0x62 | width as u8, to, 0, offset, value)
    }

    /// `*(to + offset) += from`, atomic, 64 bits.
    pub(super) fn add_atomically(
        &mut self,
        to: Register,
        offset: i16,
        from: Register,
    ) -> &mut Self {
        self.push(0xdb, to, from as u8, offset, 0)
    }

    /// `to = from`
    pub(super) fn copy(&mut self, to: Register, from: Register) -> &mut Self {
        self.push(0xbf, to, from as u8, 0, 0)
    }

    /// `to = value`, the upper half zero.
    pub(super) fn set(&mut self, to: Register, value: u32) -> &mut Self {
        self.push(0xb4, to, 0, 0, value)
    }

    /// `to = R10 + offset`: an address on the stack.
    pub(super) fn stack(&mut self, to: Register, offset: i16) -> &mut Self {
        self.copy(to, Register::R10);
        self.push(0x07, to, 0, 0, i32::from(offset) as u32)
    }

    /// `to &= value`, on the lower half; the upper becomes zero.
    pub(super) fn and(&mut self, to: Register, value: u32) -> &mut Self {
        self.push(0x54, to, 0, 0, value)
    }

    /// `to` = address of the byte `offset` of the only value of a map.
    pub(super) fn map_value(&mut self, to: Register, map: i32, offset: u32) -> &mut Self {
        const IN_VALUE: u8 = 2;
        self.push(0x18, to, IN_VALUE, 0, map as u32);
        self.push(0, Register::R0, 0, 0, offset)
    }

    /// Calls a function of the kernel.
    pub(super) fn call(&mut self, function: u32) -> &mut Self {
        self.push(0x85, Register::R0, 0, 0, function)
    }

    /// Goes to `label` if the lower half of `register` is `value`.
    pub(super) fn jump_if(&mut self, register: Register, value: u32, label: Label) -> &mut Self {
        self.jumps.push((self.instructions.len(), label));
        self.push(0x16, register, 0, 0, value)
    }

    /// Goes to `label` if the lower half of `register` is not `value`.
    pub(super) fn jump_unless(
        &mut self,
        register: Register,
        value: u32,
        label: Label,
    ) -> &mut Self {
        self.jumps.push((self.instructions.len(), label));
        self.push(0x56, register, 0, 0, value)
    }

    /// Goes to `label`.
    pub(super) fn jump(&mut self, label: Label) -> &mut Self {
        self.jumps.push((self.instructions.len(), label));
        self.push(0x05, Register::R0, 0, 0, 0)
    }

    /// Ends with `value`.
    pub(super) fn end(&mut self, value: u32) -> &mut Self {
        self.set(Register::R0, value);
        self.push(0x95, Register::R0, 0, 0, 0)
    }

    /// A label to jump to, placed later.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The next instruction is where `label` leads.
    pub(super) fn place(&mut self, label: Label) -> &mut Self {
        self.labels[label.0] = Some(self.instructions.len());
        self
    }

    /// The instructions, with jumps resolved.
    pub(super) fn finish(mut self) -> Vec<Instruction> {
        for (from, label) in self.jumps {
            let to = self.labels[label.0].expect("every label is placed by who made it");
            let distance =
                i16::try_from(to - from - 1).expect("programs are short and jump forward");
            self.instructions[from].offset = distance;
        }
        self.instructions
    }

    fn push(&mut self, code: u8, to: Register, from: u8, offset: i16, value: u32) -> &mut Self {
        self.instructions.push(Instruction {
            code,
            registers: to as u8 | from << 4,
            offset,
            value: value.cast_signed(),
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Register::*, *};

    #[test]
    fn jumps_lead_past_what_lies_between() {
        let mut program = Program::default();
        let far = program.label();
        program.jump_if(R2, 7, far).end(0).place(far).end(1);
        let code = program.finish();
        assert_eq!((code[0].code, code[0].offset, code[0].value), (0x16, 2, 7));
        assert_eq!(code.len(), 5);
    }

    #[test]
    fn an_instruction_is_eight_bytes_with_two_registers_in_one() {
        let mut program = Program::default();
        program.load(R2, R6, 4, Width::U32);
        let code = program.finish();
        assert_eq!(size_of::<Instruction>(), 8);
        let expected = Instruction {
            code: 0x61,
            registers: 0x62,
            offset: 4,
            value: 0,
        };
        assert_eq!(code, [expected]);
    }
}
